"""Resource limits of containers, from the engine's inspect (HostConfig)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import MAX_CONTAINERS, KnownContainer, alive_containers, container_metric
from deckwatch.exporter.collectors._container_lines import no_reader, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.world import World

MEMORY = container_metric("container_spec_memory_limit_bytes", "gauge", "Memory limit; 0 means no limit.")
RESERVATION = container_metric(
    "container_spec_memory_reservation_limit_bytes", "gauge", "Memory reservation (soft limit), where set."
)
SHARES = container_metric("container_spec_cpu_shares", "gauge", "CPU shares (relative weight), where set.")
QUOTA = container_metric("container_spec_cpu_quota", "gauge", "CPU quota per period in microseconds, where set.")
PERIOD = container_metric("container_spec_cpu_period", "gauge", "CPU quota period in microseconds, where set.")

METRICS = (MEMORY, RESERVATION, SHARES, QUOTA, PERIOD)


@collector(*METRICS, budget=5 * MAX_CONTAINERS)
def collect(world: World) -> Iterator[Lines]:
    """Memory and CPU limits of each running container."""
    return write_lines(world, METRICS, alive_containers(world), no_reader, _to_samples)


def _to_samples(known: KnownContainer, _: None) -> Iterator[ContainerSample]:
    limits = known.container.limits
    yield MEMORY(limits.memory)
    if limits.memory_reservation:
        yield RESERVATION(limits.memory_reservation)
    if limits.cpu_shares:
        yield SHARES(limits.cpu_shares)
    if limits.cpu_quota:
        yield QUOTA(limits.cpu_quota)
        yield PERIOD(limits.cpu_period)
