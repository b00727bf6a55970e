"""More about containers' CPU quotas, from cpu.stat: throttled seconds, and bursts (kernel 5.14)."""

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

THROTTLED = container_metric(
    "container_cpu_cfs_throttled_seconds_total", "counter", "Time for which the CPU quota throttled the container."
)
BURST_PERIODS = container_metric(
    "container_cpu_cfs_burst_periods_total",
    "counter",
    "CPU quota periods in which the container used more than its quota.",
)
BURST = container_metric(
    "container_cpu_cfs_burst_seconds_total", "counter", "CPU time used beyond the quota in burst periods."
)

METRICS = (THROTTLED, BURST_PERIODS, BURST)


@collector(*METRICS, default=False, budget=3 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Throttled seconds and bursts of each container with a CPU quota."""

    def to_samples(running: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
        cpu = cgroup_values.cpu_times(raw, world.user_hz) if running.container.limits.cpu_quota else None
        if cpu is not None:
            yield THROTTLED(cpu.throttled)
            yield BURST_PERIODS(cpu.burst_periods)
            yield BURST(cpu.burst)

    return write_cgroup_lines(world, METRICS, cgroup_values.CPU, to_samples)
