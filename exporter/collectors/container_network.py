"""Traffic of containers, from the net/dev of their first process (net/core/net-procfs.c).

A container that shares the network of the host or of another container has no figures of its own.
"""

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
from deckwatch.exporter.sources import procnet
from deckwatch.exporter.sources.api_cgroup import ApiCgroup
from deckwatch.exporter.sources.container_process import ContainerProcesses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.metric import Lines, Metric, Sample
    from deckwatch.exporter.world import Reading, World


def _declare_counter(name: str, about: str) -> Metric:
    return container_metric(f"container_network_{name}_total", "counter", about, "interface")


# With the column of net/dev.
METRICS = (
    (_declare_counter("receive_bytes", "Bytes received."), 0),
    (_declare_counter("receive_packets", "Packets received."), 1),
    (_declare_counter("receive_errors", "Packets received with errors."), 2),
    (_declare_counter("receive_packets_dropped", "Packets dropped on their way in."), 3),
    (_declare_counter("transmit_bytes", "Bytes sent."), 8),
    (_declare_counter("transmit_packets", "Packets sent."), 9),
    (_declare_counter("transmit_errors", "Packets that could not be sent."), 10),
    (_declare_counter("transmit_packets_dropped", "Packets dropped on their way out."), 11),
)

# Ends of containers inside of the container, and devices that tunnel modules put into every namespace.
_INNER = ("veth", "docker", "br-")
_EVERYWHERE = frozenset(
    ("lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0")
)


@collector(*(one for one, _ in METRICS), budget=16 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Bytes, packets, errors and drops of each container's interfaces."""
    processes = world.source(ContainerProcesses)

    def make_reader(one: RunningContainer) -> Callable[[], bytes | None]:
        if not one.container.has_own_network:
            return lambda: None
        if isinstance(one.cgroup, ApiCgroup):
            told = one.cgroup.net_dev
            return lambda: told
        return lambda: processes.read_file(one.container, "net/dev")

    return write_reading(world, [one for one, _ in METRICS], running_containers(world), make_reader, _to_samples)


def _to_samples(_: RunningContainer, data: bytes | None) -> Iterator[Sample]:
    for interface, counters in procnet.parse_dev(data).items() if data is not None else ():
        if interface in _EVERYWHERE or interface.startswith(_INNER):
            continue
        for one, column in METRICS:
            yield one(counters[column], interface)
