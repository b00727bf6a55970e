"""CPU time of containers, from cpu.stat, or version 1's cpuacct.usage, cpuacct.stat and cpu.stat (kernel/sched/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    RunningContainer,
    container_metric,
    write_cgroup_lines,
)
from deckwatch.exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World

USAGE = container_metric("container_cpu_usage_seconds_total", "counter", "CPU time consumed, over all CPUs.", "cpu")
USER = container_metric("container_cpu_user_seconds_total", "counter", "CPU time consumed in user mode.")
SYSTEM = container_metric("container_cpu_system_seconds_total", "counter", "CPU time consumed in kernel mode.")
PERIODS = container_metric(
    "container_cpu_cfs_periods_total", "counter", "CPU quota periods in which the container was runnable."
)
THROTTLED = container_metric(
    "container_cpu_cfs_throttled_periods_total", "counter", "CPU quota periods in which the container was throttled."
)

METRICS = (USAGE, USER, SYSTEM, PERIODS, THROTTLED)


@collector(*METRICS, budget=5 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """CPU time of each container, and throttling where it has a CPU quota."""

    def to_samples(running: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
        cpu = cgroup_values.cpu_times(raw, world.user_hz)
        if cpu is None:
            return
        yield USAGE(cpu.total, "total")
        yield USER(cpu.user)
        yield SYSTEM(cpu.system)
        if running.container.limits.cpu_quota:
            yield PERIODS(cpu.periods)
            yield THROTTLED(cpu.throttled_periods)

    return write_cgroup_lines(world, METRICS, cgroup_values.CPU, to_samples)
