"""More of what a container's CPU quota did, from cpu.stat: seconds of waiting, and bursts (kernel 5.14)."""

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

THROTTLED = container_metric(
    "container_cpu_cfs_throttled_seconds_total", "counter", "Time in which the CPU quota held the container up."
)
BURST_PERIODS = container_metric(
    "container_cpu_cfs_burst_periods_total", "counter", "Periods with more than the quota's share."
)
BURST = container_metric(
    "container_cpu_cfs_burst_seconds_total", "counter", "CPU time used beyond the quota's share of a period."
)


METRICS = (THROTTLED, BURST_PERIODS, BURST)


@collector(*METRICS, default=False, budget=3 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Throttled seconds and bursts of each container with a CPU quota."""

    def to_samples(one: RunningContainer, raw: Raw) -> Iterator[Sample]:
        found = cgroup_values.cpu_times(raw, world.user_hz) if one.container.limits.cpu_quota else None
        if found is not None:
            yield THROTTLED(found.throttled)
            yield BURST_PERIODS(found.burst_periods)
            yield BURST(found.burst)

    return write_reading(
        world,
        METRICS,
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_values.CPU),
        to_samples,
    )
