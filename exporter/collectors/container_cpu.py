"""CPU time of containers, from cpu.stat, or version 1's cpuacct.usage, cpuacct.stat and cpu.stat (kernel/sched/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    RunningContainer,
    container_metric,
    running_containers,
)
from deckwatch.exporter.collectors._container_lines import write_reading
from deckwatch.exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World

USAGE = container_metric("container_cpu_usage_seconds_total", "counter", "CPU time used, on all CPUs together.", "cpu")
USER = container_metric("container_cpu_user_seconds_total", "counter", "CPU time used in the programs themselves.")
SYSTEM = container_metric(
    "container_cpu_system_seconds_total", "counter", "CPU time used by the kernel on their behalf."
)
PERIODS = container_metric(
    "container_cpu_cfs_periods_total", "counter", "Periods of the CPU quota in which the container ran."
)
THROTTLED = container_metric(
    "container_cpu_cfs_throttled_periods_total", "counter", "Periods in which the CPU quota held the container up."
)


METRICS = (USAGE, USER, SYSTEM, PERIODS, THROTTLED)


@collector(*METRICS, budget=5 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """CPU time of each container, and what its quota did where it has one."""

    def to_samples(one: RunningContainer, raw: Raw) -> Iterator[Sample]:
        found = cgroup_values.cpu_times(raw, world.user_hz)
        if found is None:
            return
        yield USAGE(found.total, "total")
        yield USER(found.user)
        yield SYSTEM(found.system)
        if one.container.limits.cpu_quota:
            yield PERIODS(found.periods)
            yield THROTTLED(found.throttled_periods)

    return write_reading(
        world,
        METRICS,
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_values.CPU),
        to_samples,
    )
