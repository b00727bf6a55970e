"""One ICMP echo request and its reply (RFC 792, RFC 4443), without privileges where the system permits that.

Linux has sockets for echo requests alone, which the groups in net.ipv4.ping_group_range may open (icmp(7)), also for
IPv6. Other processes need CAP_NET_RAW.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import struct
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.datagrams import connect_datagrams
from deckwatch.exporter.sources.dial import ip_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.exporter.sources.dial import Address, Phases

PHASES = ("resolve", "setup", "rtt")
TOKEN_BYTES = 16  # at the start of the payload, by which a reply is recognised

_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_REQUESTS = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLIES = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOLS = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_MAX_PACKET_BYTES = 0xFFFF
_CONTROL_BYTES = 128
# Of linux/in.h, linux/in6.h, linux/icmp.h and linux/icmpv6.h, where Python has no names for them.
_IP_RECVTTL, _IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_DO = 12, 10, 23, 2
_SOL_RAW, _ICMP_FILTER, _ICMPV6_FILTER = 255, 1, 1
_HOP_LIMITS = ((socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT))


class EchoNotPermitted(PermissionError):
    """This process may not send echo requests."""

    def __init__(self) -> None:
        super().__init__(
            errno.EPERM, "ICMP needs a group of this process in net.ipv4.ping_group_range, or the capability NET_RAW"
        )


class EchoOptions(NamedTuple):
    """The payload's size, and the fields of the request's IP header; `hop_limit` 0 is the system's."""

    payload_bytes: int
    hop_limit: int = 0
    dont_fragment: bool = False


class EchoReply(NamedTuple):
    """What is known of a reply; `hop_limit` is what was left of it, None where the system does not tell."""

    ip_protocol: int
    hop_limit: int | None


async def request_echo(addresses: Sequence[Address], options: EchoOptions, phases: Phases) -> EchoReply:
    """Send a request to the first address that there is a route to and return the reply; raises OSError.

    EchoNotPermitted is raised where the process may not send requests. The caller bounds the time.
    """
    begun = time.perf_counter()
    with connect_datagrams(addresses, _open_socket) as connection:
        family = socket.AddressFamily(connection.family)
        _set_options(connection, options)
        token = secrets.token_bytes(TOKEN_BYTES)
        identifier = secrets.randbelow(1 << 16)  # the system chooses another one where sockets are for requests alone
        request = build_request(family, identifier, token.ljust(options.payload_bytes, b"."))
        begun = phases.add_since("setup", begun)
        try:
            connection.send(request)
            while True:
                await _wait_until_readable(connection)
                packet, control, *_ = connection.recvmsg(_MAX_PACKET_BYTES, _CONTROL_BYTES)
                is_raw_ipv4 = connection.type == socket.SOCK_RAW and family == socket.AF_INET
                hop_limit = packet[8] if is_raw_ipv4 else _find_hop_limit(control)
                message = strip_ipv4_header(packet) if is_raw_ipv4 else packet
                if is_reply(family, message, token):
                    return EchoReply(ip_version(family), hop_limit)
        finally:
            phases.add_since("rtt", begun)


def build_request(family: int, identifier: int, payload: bytes) -> bytes:
    """Return an echo request; over IPv6 the system fills in the checksum, which covers addresses."""
    header = _HEADER.pack(_REQUESTS[socket.AddressFamily(family)], 0, 0, identifier, 1)
    if family == socket.AF_INET6:
        return header + payload
    checksum = compute_checksum(header + payload)
    return header[:2] + checksum.to_bytes(2) + header[4:] + payload


def compute_checksum(message: bytes) -> int:
    """Return the Internet checksum of a message (RFC 1071)."""
    padded = message + b"\0" * (len(message) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def strip_ipv4_header(packet: bytes) -> bytes:
    """Return the payload of an IPv4 packet; the length of its header is in the first byte."""
    return packet[(packet[0] & 0xF) * 4 :] if packet else b""


def is_reply(family: int, message: bytes, token: bytes) -> bool:
    """Return whether a message is a reply to the request whose payload begins with this token."""
    return (
        message[:2] == bytes([_REPLIES[socket.AddressFamily(family)], 0])
        and message[_HEADER.size : _HEADER.size + TOKEN_BYTES] == token
    )


def _open_socket(family: int) -> socket.socket:
    protocol = _PROTOCOLS[socket.AddressFamily(family)]
    try:
        return socket.socket(family, socket.SOCK_DGRAM, protocol)
    except OSError:
        pass  # not permitted, or a system without such sockets
    try:
        connection = socket.socket(family, socket.SOCK_RAW, protocol)
    except PermissionError:
        raise EchoNotPermitted from None
    # Without a filter such a socket receives every message of ICMP to this machine.
    if family == socket.AF_INET:
        blocked = 0xFFFFFFFF & ~(1 << _REPLIES[socket.AF_INET])
        connection.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", blocked))
    else:
        word, bit = divmod(_REPLIES[socket.AF_INET6], 32)
        words = [0xFFFFFFFF & ~(1 << bit) if index == word else 0xFFFFFFFF for index in range(8)]
        connection.setsockopt(socket.IPPROTO_ICMPV6, _ICMPV6_FILTER, struct.pack("=8I", *words))
    return connection


def _set_options(connection: socket.socket, options: EchoOptions) -> None:
    if connection.family == socket.AF_INET:
        connection.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        if options.hop_limit:
            connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, options.hop_limit)
        if options.dont_fragment:
            connection.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DO)
        return
    connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    if options.hop_limit:
        connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, options.hop_limit)
    if options.dont_fragment:
        connection.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DO)


def _find_hop_limit(control: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in control:
        if (level, kind) in _HOP_LIMITS:
            return int(struct.unpack("=i", data[:4])[0])
    return None


def _end_wait(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


async def _wait_until_readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(connection, _end_wait, readable)
    try:
        await readable
    finally:
        loop.remove_reader(connection)
