"""Scheduler statistics of each CPU, from /proc/schedstat (Documentation/scheduler/sched-stats.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

RUNNING = Metric("node_schedstat_running_seconds_total", "counter", "Time that the CPU spent running tasks.", ("cpu",))
WAITING = Metric(
    "node_schedstat_waiting_seconds_total", "counter", "Time that tasks spent waiting for the CPU.", ("cpu",)
)
SLICES = Metric("node_schedstat_timeslices_total", "counter", "Timeslices run on the CPU.", ("cpu",))


@collector(RUNNING, WAITING, SLICES, peer="node:schedstat", needs="proc/schedstat")
def collect(world: World) -> Iterator[Sample]:
    """Time that tasks spent running on and waiting for each CPU."""
    for cpu, (running, waiting, slices) in procfs.parse_schedstat(procfs.read_proc(world, "schedstat")).items():
        yield RUNNING(running / 1e9, cpu)
        yield WAITING(waiting / 1e9, cpu)
        yield SLICES(slices, cpu)
