"""Load averages, from /proc/loadavg (fs/proc/loadavg.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

LOAD1 = Metric("node_load1", "gauge", "Load average over 1 minute: tasks running, or waiting for a CPU or a disk.")
LOAD5 = Metric("node_load5", "gauge", "Load average over 5 minutes: tasks running, or waiting for a CPU or a disk.")
LOAD15 = Metric("node_load15", "gauge", "Load average over 15 minutes: tasks running, or waiting for a CPU or a disk.")


@collector(LOAD1, LOAD5, LOAD15, peer="node:loadavg", needs="proc/loadavg")
def collect(world: World) -> Iterator[Sample]:
    """Load averages of 1, 5 and 15 minutes."""
    averages = procfs.parse_loadavg(procfs.read_proc(world, "loadavg"))
    for metric, average in zip((LOAD1, LOAD5, LOAD15), averages, strict=True):
        yield metric(average)
