"""Counters of IP, ICMP, TCP and UDP, from net/snmp, net/netstat and net/snmp6 (net/ipv4/proc.c, net/ipv6/proc.c)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

# The fields that node_exporter shows by default, and Tcp_MaxConn, which its most used dashboard asks for. Nearly all
# are counters, but node_exporter gives them no type.
_V4 = {
    "Ip": {"Forwarding": "1 where the machine forwards packets, 2 where it does not."},
    "IpExt": {"InOctets": "Bytes received in IPv4 packets.", "OutOctets": "Bytes sent in IPv4 packets."},
    "Icmp": {
        "InMsgs": "ICMP messages received.",
        "InErrors": "ICMP messages received with errors.",
        "OutMsgs": "ICMP messages sent.",
    },
    "Tcp": {
        "ActiveOpens": "TCP connections begun by this machine.",
        "PassiveOpens": "TCP connections begun by others.",
        "CurrEstab": "TCP connections that are established or half closed.",
        "InSegs": "TCP segments received.",
        "OutSegs": "TCP segments sent, without those sent again.",
        "RetransSegs": "TCP segments sent again.",
        "InErrs": "TCP segments received with errors.",
        "OutRsts": "TCP segments sent to reset a connection.",
        "MaxConn": "Most TCP connections that may be; -1 where there is no fixed number.",
    },
    "TcpExt": {
        "ListenOverflows": "Connections refused because a listener's queue was full.",
        "ListenDrops": "Connections refused by a listener for any reason.",
        "SyncookiesSent": "SYN cookies sent.",
        "SyncookiesRecv": "SYN cookies that came back right.",
        "SyncookiesFailed": "SYN cookies that came back wrong.",
        "TCPSynRetrans": "SYN segments sent again.",
        "TCPTimeouts": "TCP timers that ran out.",
        "TCPOFOQueue": "TCP segments that came out of order and were queued.",
        "TCPRcvQDrop": "TCP segments dropped because a receive queue was full.",
    },
    "Udp": {
        "InDatagrams": "UDP datagrams handed to programs.",
        "NoPorts": "UDP datagrams for a port that nobody listens on.",
        "InErrors": "UDP datagrams that could not be handed to programs.",
        "OutDatagrams": "UDP datagrams sent.",
        "RcvbufErrors": "UDP datagrams dropped because a receive buffer was full.",
        "SndbufErrors": "UDP datagrams dropped because a send buffer was full.",
    },
    "UdpLite": {"InErrors": "UDP-Lite datagrams that could not be handed to programs."},
}
_V6 = {
    "Ip6": {"InOctets": "Bytes received in IPv6 packets.", "OutOctets": "Bytes sent in IPv6 packets."},
    "Icmp6": {
        "InMsgs": "ICMPv6 messages received.",
        "InErrors": "ICMPv6 messages received with errors.",
        "OutMsgs": "ICMPv6 messages sent.",
    },
    "Udp6": {name: about.replace("UDP ", "UDP/IPv6 ") for name, about in _V4["Udp"].items()},
    "UdpLite6": {"InErrors": "UDP-Lite datagrams over IPv6 that could not be handed to programs."},
}


def _declare_metric(protocol: str, field: str, about: str) -> Metric:
    unit = "bytes" if field.endswith("Octets") else ""
    return Metric(f"node_netstat_{protocol}_{field}", "untyped", about, unit=unit)


V4 = {
    (protocol.encode(), field.encode()): _declare_metric(protocol, field, about)
    for protocol, fields in _V4.items()
    for field, about in fields.items()
}
V6 = {
    f"{protocol}{field}".encode(): _declare_metric(protocol, field, about)
    for protocol, fields in _V6.items()
    for field, about in fields.items()
}


@collector(*V4.values(), *V6.values(), peer="node:netstat")
def collect(world: World) -> Iterator[Sample]:
    """Counters of IP, ICMP, TCP and UDP."""
    found = procnet.split_headed(procfs.read_init(world, "net/snmp"))
    with contextlib.suppress(NoData):  # a kernel without CONFIG_PROC_FS's netstat still has snmp
        found |= procnet.split_headed(procfs.read_init(world, "net/netstat"))
    for (protocol, field), metric in V4.items():
        value = found.get(protocol, {}).get(field)
        if value is not None:
            yield metric(int(value))
    six = {}
    with contextlib.suppress(NoData):  # a machine without IPv6
        six = procfs.split_pairs(procfs.read_init(world, "net/snmp6"))
    for name, metric in V6.items():
        if name in six:
            yield metric(int(six[name]))
