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


def _declare_gauge(name: str, help_text: str) -> Metric:
    return Metric(f"node_sockstat_{name}", "gauge", help_text, unit="bytes" if name.endswith("_memory") else "")


METRICS = {
    (b"sockets", b"used"): _declare_gauge("sockets_used", "Sockets of all kinds in use."),
    (b"TCP", b"inuse"): _declare_gauge("TCP_inuse", "TCP sockets in use (IPv4)."),
    (b"TCP", b"orphan"): _declare_gauge("TCP_orphan", "TCP sockets without a process (orphaned)."),
    (b"TCP", b"tw"): _declare_gauge("TCP_tw", "TCP sockets in TIME_WAIT."),
    (b"TCP", b"alloc"): _declare_gauge("TCP_alloc", "TCP sockets allocated, in any state."),
    (b"TCP", b"mem"): _declare_gauge("TCP_mem", "Memory used by TCP buffers, in pages."),
    (b"UDP", b"inuse"): _declare_gauge("UDP_inuse", "UDP sockets in use (IPv4)."),
    (b"UDP", b"mem"): _declare_gauge("UDP_mem", "Memory used by UDP buffers, in pages."),
    (b"UDPLITE", b"inuse"): _declare_gauge("UDPLITE_inuse", "UDP-Lite sockets in use (IPv4)."),
    (b"RAW", b"inuse"): _declare_gauge("RAW_inuse", "Raw sockets in use (IPv4)."),
    (b"FRAG", b"inuse"): _declare_gauge("FRAG_inuse", "IPv4 datagrams being reassembled from fragments."),
    (b"FRAG", b"memory"): _declare_gauge("FRAG_memory", "Memory used by IPv4 fragments, in bytes."),
    (b"TCP6", b"inuse"): _declare_gauge("TCP6_inuse", "TCP sockets in use (IPv6)."),
    (b"UDP6", b"inuse"): _declare_gauge("UDP6_inuse", "UDP sockets in use (IPv6)."),
    (b"UDPLITE6", b"inuse"): _declare_gauge("UDPLITE6_inuse", "UDP-Lite sockets in use (IPv6)."),
    (b"RAW6", b"inuse"): _declare_gauge("RAW6_inuse", "Raw sockets in use (IPv6)."),
    (b"FRAG6", b"inuse"): _declare_gauge("FRAG6_inuse", "IPv6 datagrams being reassembled from fragments."),
    (b"FRAG6", b"memory"): _declare_gauge("FRAG6_memory", "Memory used by IPv6 fragments, in bytes."),
}
MEMORY = {
    b"TCP": _declare_gauge("TCP_mem_bytes", "Memory used by TCP buffers."),
    b"UDP": _declare_gauge("UDP_mem_bytes", "Memory used by UDP buffers."),
}


@collector(
    *METRICS.values(),
    *MEMORY.values(),
    peer="node:sockstat",
    needs="proc/1/net/sockstat",
    files=("proc/1/net/sockstat6",),
)
def collect(world: World) -> Iterator[Sample]:
    """Sockets in use and the memory of their buffers."""
    sockets = procnet.parse_sockstat(procfs.read_init(world, "net/sockstat"))
    with contextlib.suppress(NoData):  # a machine without IPv6
        sockets |= procnet.parse_sockstat(procfs.read_init(world, "net/sockstat6"))
    for (protocol, key), metric in METRICS.items():
        count = sockets.get(protocol, {}).get(key)
        if count is not None:
            yield metric(count)
    for protocol, metric in MEMORY.items():
        pages = sockets.get(protocol, {}).get(b"mem")
        if pages is not None:
            yield metric(pages * world.page_size)
