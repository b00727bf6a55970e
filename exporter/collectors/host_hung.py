"""Hung tasks, from /proc/sys/kernel/hung_task_detect_count (kernel/hung_task.c, Linux 6.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

_ABOUT = "Hung tasks detected: blocked in the kernel for longer than two minutes."
HUNG = Metric("node_kernel_hung_tasks_total", "counter", _ABOUT)
# The most used dashboard queries this name. Not a counter: parsers strip `_total` and would see two of one name.
OLD = Metric("node_kernel_hung_tasks", "gauge", f"{_ABOUT} The same as node_kernel_hung_tasks_total.")


@collector(HUNG, OLD, peer="node:kernel_hung", needs="proc/sys/kernel/hung_task_detect_count")
def collect(world: World) -> Iterator[Sample]:
    """Hung tasks detected by the kernel."""
    count = procfs.parse_numbers(procfs.read_proc(world, "sys/kernel/hung_task_detect_count"))[0]
    yield HUNG(count)
    yield OLD(count)
