"""TCP sockets by state, from net/tcp and net/tcp6 (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c)."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

STATES = Metric(
    "node_tcp_connection_states",
    "gauge",
    "TCP sockets by state; and the bytes in all their queues, as the states rx_queued_bytes and tx_queued_bytes.",
    ("state",),
)


@collector(STATES, default=False, peer="node:tcpstat", needs="proc/1/net/tcp", files=("proc/1/net/tcp6",))
def collect(world: World) -> Iterator[Sample]:
    """TCP sockets by state; slow with very many sockets."""
    # Not by netlink, which only reports the network namespace of this process.
    counts = [procfs.read_init_or_self(world, "net/tcp", _count_sockets)]
    with contextlib.suppress(NoData):  # a machine without IPv6
        counts.append(procfs.read_init_or_self(world, "net/tcp6", _count_sockets))
    for state, name in enumerate(procnet.TCP_STATES, 1):
        yield STATES(sum(sockets.states[state] for sockets in counts), name)
    yield STATES(sum(sockets.received for sockets in counts), "rx_queued_bytes")
    yield STATES(sum(sockets.sent for sockets in counts), "tx_queued_bytes")


def _count_sockets(path: str) -> procnet.Sockets:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as lines:
        return procnet.count_tcp(lines)
