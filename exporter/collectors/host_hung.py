"""Tasks that hung in the kernel, from /proc/sys/kernel/hung_task_detect_count (kernel/hung_task.c, Linux 6.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.metric import Metric, Sample
from exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.world import World

HUNG = Metric(
    "node_kernel_hung_tasks_total", "counter", "Tasks found waiting in the kernel for longer than two minutes."
)


@collector(HUNG, peer="node:kernel_hung")
def collect(world: World) -> Iterator[Sample]:
    """Tasks that hung in the kernel."""
    yield HUNG(procfs.parse_numbers(procfs.read(world, "sys/kernel/hung_task_detect_count"))[0])
