"""Network traffic of containers, from net/dev of their first process (net/core/net-procfs.c).

A container that shares the network of the host or of another container has no values of its own.
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

    from deckwatch.exporter.collectors._container_lines import ContainerMetric, ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.world import Reading, World


def _declare_counter(name: str, help_text: str) -> ContainerMetric:
    return container_metric(f"container_network_{name}_total", "counter", help_text, "interface")


# By column of net/dev.
COLUMNS = {
    0: _declare_counter("receive_bytes", "Bytes received."),
    1: _declare_counter("receive_packets", "Packets received."),
    2: _declare_counter("receive_errors", "Receive errors."),
    3: _declare_counter("receive_packets_dropped", "Received packets dropped."),
    8: _declare_counter("transmit_bytes", "Bytes transmitted."),
    9: _declare_counter("transmit_packets", "Packets transmitted."),
    10: _declare_counter("transmit_errors", "Transmit errors."),
    11: _declare_counter("transmit_packets_dropped", "Packets dropped while transmitting."),
}
METRICS = tuple(COLUMNS.values())

# Interfaces of nested containers, and devices that tunnel modules create in every namespace.
_NESTED = ("veth", "docker", "br-")
_IN_EVERY_NAMESPACE = frozenset(
    ("lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0")
)


@collector(*METRICS, budget=16 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Bytes, packets, errors and drops of each container's interfaces."""
    processes = world.source(ContainerProcesses)

    def make_reader(running: RunningContainer) -> Callable[[], bytes | None]:
        if not running.container.has_own_network:
            return lambda: None
        if isinstance(running.cgroup, ApiCgroup):
            net_dev = running.cgroup.net_dev
            return lambda: net_dev
        return processes.make_reader(running.container, "net/dev")

    return write_reading(world, METRICS, running_containers(world), make_reader, _to_samples)


def _to_samples(_: RunningContainer, data: bytes | None) -> Iterator[ContainerSample]:
    for interface, counters in procnet.parse_dev(data, is_own_interface).items() if data is not None else ():
        for column, metric in COLUMNS.items():
            yield metric(counters[column], interface)


def is_own_interface(name: str) -> bool:
    """Return whether an interface is neither one of nested containers nor in every network namespace."""
    return name not in _IN_EVERY_NAMESPACE and not name.startswith(_NESTED)
