"""Queue lengths of all UDP sockets, from net/udp and net/udp6 (net/ipv4/udp.c, net/ipv6/udp.c)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

QUEUES = Metric("node_udp_queues", "gauge", "Bytes in the queues of UDP sockets.", ("queue", "ip"), unit="bytes")


@collector(QUEUES, peer="node:udp_queues", needs="proc/1/net/udp", files=("proc/1/net/udp6",))
def collect(world: World) -> Iterator[Sample]:
    """Bytes in the queues of UDP sockets."""
    files = {"v4": procfs.read_init(world, "net/udp")}
    with contextlib.suppress(NoData):  # a machine without IPv6
        files["v6"] = procfs.read_init(world, "net/udp6")
    for version, data in files.items():
        sent, received = procnet.parse_udp(data)
        yield QUEUES(sent, "tx", version)
        yield QUEUES(received, "rx", version)
