"""ARP table, from net/arp (net/ipv4/arp.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _host_filters
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

ENTRIES = Metric("node_arp_entries", "gauge", "ARP entries by device.", ("device",))


@collector(ENTRIES, peer="node:arp", needs="proc/1/net/arp")
def collect(world: World) -> Iterator[Sample]:
    """Number of ARP entries of each interface."""
    shown = world.source(_host_filters.HostFilters).interfaces
    for device, count in procnet.parse_arp(procfs.read_init(world, "net/arp")).items():
        if shown.is_shown(device):
            yield ENTRIES(count, device)
