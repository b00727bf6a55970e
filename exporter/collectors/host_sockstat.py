"""Sockets in use by protocol, from net/sockstat and net/sockstat6 (net/ipv4/proc.c, net/ipv6/proc.c)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_gauge(name: str, about: str) -> Metric:
    return Metric(f"node_sockstat_{name}", "gauge", about, unit="bytes" if name.endswith("_memory") else "")


METRICS = {
    (b"sockets", b"used"): _declare_gauge("sockets_used", "Sockets of all kinds in use."),
    (b"TCP", b"inuse"): _declare_gauge("TCP_inuse", "TCP sockets in use (IPv4)."),
    (b"TCP", b"orphan"): _declare_gauge("TCP_orphan", "TCP sockets that no process holds any more."),
    (b"TCP", b"tw"): _declare_gauge("TCP_tw", "TCP sockets in TIME_WAIT."),
    (b"TCP", b"alloc"): _declare_gauge("TCP_alloc", "TCP sockets allocated, in any state."),
    (b"TCP", b"mem"): _declare_gauge("TCP_mem", "Pages of memory held by TCP buffers."),
    (b"UDP", b"inuse"): _declare_gauge("UDP_inuse", "UDP sockets in use (IPv4)."),
    (b"UDP", b"mem"): _declare_gauge("UDP_mem", "Pages of memory held by UDP buffers."),
    (b"UDPLITE", b"inuse"): _declare_gauge("UDPLITE_inuse", "UDP-Lite sockets in use (IPv4)."),
    (b"RAW", b"inuse"): _declare_gauge("RAW_inuse", "Raw sockets in use (IPv4)."),
    (b"FRAG", b"inuse"): _declare_gauge("FRAG_inuse", "IPv4 datagrams being put together from fragments."),
    (b"FRAG", b"memory"): _declare_gauge("FRAG_memory", "Bytes held by IPv4 fragments."),
    (b"TCP6", b"inuse"): _declare_gauge("TCP6_inuse", "TCP sockets in use (IPv6)."),
    (b"UDP6", b"inuse"): _declare_gauge("UDP6_inuse", "UDP sockets in use (IPv6)."),
    (b"UDPLITE6", b"inuse"): _declare_gauge("UDPLITE6_inuse", "UDP-Lite sockets in use (IPv6)."),
    (b"RAW6", b"inuse"): _declare_gauge("RAW6_inuse", "Raw sockets in use (IPv6)."),
    (b"FRAG6", b"inuse"): _declare_gauge("FRAG6_inuse", "IPv6 datagrams being put together from fragments."),
    (b"FRAG6", b"memory"): _declare_gauge("FRAG6_memory", "Bytes held by IPv6 fragments."),
}
MEMORY = {
    b"TCP": _declare_gauge("TCP_mem_bytes", "Memory held by TCP buffers."),
    b"UDP": _declare_gauge("UDP_mem_bytes", "Memory held by UDP buffers."),
}


@collector(*METRICS.values(), *MEMORY.values(), peer="node:sockstat")
def collect(world: World) -> Iterator[Sample]:
    """Sockets in use and the memory of their buffers."""
    found = procnet.parse_sockstat(procfs.read_init(world, "net/sockstat"))
    with contextlib.suppress(NoData):  # a machine without IPv6
        found |= procnet.parse_sockstat(procfs.read_init(world, "net/sockstat6"))
    for (protocol, key), metric in METRICS.items():
        count = found.get(protocol, {}).get(key)
        if count is not None:
            yield metric(count)
    for protocol, metric in MEMORY.items():
        pages = found.get(protocol, {}).get(b"mem")
        if pages is not None:
            yield metric(pages * world.page_size)
