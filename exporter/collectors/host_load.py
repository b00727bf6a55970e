"""Load averages, from /proc/loadavg (fs/proc/loadavg.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.metric import Metric, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.world import World

LOAD1 = Metric("node_load1", "gauge", "1m load average.")
LOAD5 = Metric("node_load5", "gauge", "5m load average.")
LOAD15 = Metric("node_load15", "gauge", "15m load average.")


@collector(LOAD1, LOAD5, LOAD15, peer="node:loadavg")
def collect(world: World) -> Iterator[Sample]:
    """Load averages of 1, 5 and 15 minutes."""
    one, five, fifteen = (world.procfs / "loadavg").read_text().split()[:3]
    yield LOAD1(float(one))
    yield LOAD5(float(five))
    yield LOAD15(float(fifteen))
