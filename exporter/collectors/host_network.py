"""Traffic of network interfaces, from net/dev (net/core/net-procfs.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _host_filters
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_counter(name: str, help_text: str) -> Metric:
    return Metric(f"node_network_{name}_total", "counter", help_text, ("device",))


# In the file's order.
METRICS = (
    _declare_counter("receive_bytes", "Bytes received."),
    _declare_counter("receive_packets", "Packets received."),
    _declare_counter("receive_errs", "Receive errors."),
    _declare_counter("receive_drop", "Received packets dropped: no free buffer, or no protocol or listener for them."),
    _declare_counter("receive_fifo", "Receive FIFO overruns of the device."),
    _declare_counter("receive_frame", "Packets received with a wrong length, alignment or checksum."),
    _declare_counter("receive_compressed", "Compressed packets received (PPP, SLIP)."),
    _declare_counter("receive_multicast", "Multicast packets received."),
    _declare_counter("transmit_bytes", "Bytes transmitted."),
    _declare_counter("transmit_packets", "Packets transmitted."),
    _declare_counter("transmit_errs", "Transmit errors."),
    _declare_counter("transmit_drop", "Packets dropped while transmitting."),
    _declare_counter("transmit_fifo", "Transmit FIFO underruns of the device."),
    _declare_counter("transmit_colls", "Collisions while transmitting."),
    _declare_counter("transmit_carrier", "Carrier losses and other link faults while transmitting."),
    _declare_counter("transmit_compressed", "Compressed packets transmitted (PPP, SLIP)."),
)


@collector(*METRICS, peer="node:netdev", needs="proc/1/net/dev")
def collect(world: World) -> Iterator[Sample]:
    """Bytes, packets, errors and drops of each interface."""
    shown = world.source(_host_filters.HostFilters).interfaces
    for device, counters in procnet.parse_dev(procfs.read_init(world, "net/dev"), shown.is_shown).items():
        for metric, count in zip(METRICS, counters, strict=True):
            yield metric(count, device)
