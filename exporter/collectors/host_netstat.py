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

# The fields that node_exporter shows by default, and Tcp_MaxConn, which its most used dashboard queries. Nearly all
# are counters, but node_exporter declares them as untyped.
_V4 = {
    "Ip": {"Forwarding": "1 if IP forwarding is enabled, 2 if not."},
    "IpExt": {"InOctets": "Bytes received in IPv4 packets.", "OutOctets": "Bytes sent in IPv4 packets."},
    "Icmp": {
        "InMsgs": "ICMP messages received.",
        "InErrors": "ICMP messages received with errors.",
        "OutMsgs": "ICMP messages sent.",
    },
    "Tcp": {
        "ActiveOpens": "TCP connections opened by this machine.",
        "PassiveOpens": "TCP connections accepted from others.",
        "CurrEstab": "TCP connections established or half closed.",
        "InSegs": "TCP segments received.",
        "OutSegs": "TCP segments sent, without retransmissions.",
        "RetransSegs": "TCP segments retransmitted.",
        "InErrs": "TCP segments received with errors.",
        "OutRsts": "TCP segments sent with the RST flag.",
        "MaxConn": "Maximum number of TCP connections; -1 if dynamic.",
    },
    "TcpExt": {
        "ListenOverflows": "Connections dropped because the listen queue was full.",
        "ListenDrops": "Connections dropped by a listening socket, for any reason.",
        "SyncookiesSent": "SYN cookies sent.",
        "SyncookiesRecv": "Valid SYN cookies received.",
        "SyncookiesFailed": "Invalid SYN cookies received.",
        "TCPSynRetrans": "SYN segments retransmitted.",
        "TCPTimeouts": "TCP timeouts.",
        "TCPOFOQueue": "TCP segments received out of order and queued.",
        "TCPRcvQDrop": "TCP segments dropped because the receive queue was full.",
    },
    "Udp": {
        "InDatagrams": "UDP datagrams delivered.",
        "NoPorts": "UDP datagrams received for a port without a listener.",
        "InErrors": "UDP datagrams that could not be delivered.",
        "OutDatagrams": "UDP datagrams sent.",
        "RcvbufErrors": "UDP datagrams dropped because the receive buffer was full.",
        "SndbufErrors": "UDP datagrams dropped because the send buffer was full.",
    },
    "UdpLite": {"InErrors": "UDP-Lite datagrams that could not be delivered."},
}
_V6 = {
    "Ip6": {"InOctets": "Bytes received in IPv6 packets.", "OutOctets": "Bytes sent in IPv6 packets."},
    "Icmp6": {
        "InMsgs": "ICMPv6 messages received.",
        "InErrors": "ICMPv6 messages received with errors.",
        "OutMsgs": "ICMPv6 messages sent.",
    },
    "Udp6": {name: about.replace("UDP ", "UDP/IPv6 ") for name, about in _V4["Udp"].items()},
    "UdpLite6": {"InErrors": "UDP-Lite datagrams over IPv6 that could not be delivered."},
}


def _declare_metric(protocol: str, field: str, help_text: str) -> Metric:
    unit = "bytes" if field.endswith("Octets") else ""
    return Metric(f"node_netstat_{protocol}_{field}", "untyped", help_text, unit=unit)


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


@collector(
    *V4.values(),
    *V6.values(),
    peer="node:netstat",
    needs="proc/1/net/snmp",
    files=("proc/1/net/netstat", "proc/1/net/snmp6"),
)
def collect(world: World) -> Iterator[Sample]:
    """Counters of IP, ICMP, TCP and UDP."""
    counters = procnet.split_headed(procfs.read_init(world, "net/snmp"))
    with contextlib.suppress(NoData):  # some kernels have snmp but not netstat
        counters |= procnet.split_headed(procfs.read_init(world, "net/netstat"))
    for (protocol, field), metric in V4.items():
        value = counters.get(protocol, {}).get(field)
        if value is not None:
            yield metric(int(value))
    counters_v6 = {}
    with contextlib.suppress(NoData):  # a machine without IPv6
        counters_v6 = procfs.split_pairs(procfs.read_init(world, "net/snmp6"))
    for name, metric in V6.items():
        if name in counters_v6:
            yield metric(int(counters_v6[name]))
