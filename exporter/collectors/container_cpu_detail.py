"""More of what a container's CPU quota did, from cpu.stat: seconds of waiting, and bursts (kernel 5.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.collectors._container import metric, running
from exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.metric import Sample
    from exporter.world import World

THROTTLED = metric(
    "container_cpu_cfs_throttled_seconds_total", "counter", "Time in which the CPU quota held the container up."
)
BURST_PERIODS = metric("container_cpu_cfs_burst_periods_total", "counter", "Periods with more than the quota's share.")
BURST = metric(
    "container_cpu_cfs_burst_seconds_total", "counter", "CPU time used beyond the quota's share of a period."
)


@collector(THROTTLED, BURST_PERIODS, BURST, default=False)
def collect(world: World) -> Iterator[Sample]:
    """Throttled seconds and bursts of each container with a CPU quota."""
    for container, labels, group in running(world):
        if not container.limits.cpu_quota:
            continue
        found = cgroup_values.cpu(group, world.user_hz)
        if found is not None:
            yield THROTTLED(found.throttled, *labels)
            yield BURST_PERIODS(found.burst_periods, *labels)
            yield BURST(found.burst, *labels)
