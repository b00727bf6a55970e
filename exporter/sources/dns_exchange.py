"""One DNS query and its response over UDP (RFC 1035), TCP (RFC 7766) or TLS (RFC 7858), by the library dnspython."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.datagrams import connect_datagrams
from deckwatch.exporter.sources.dial import ip_version
from deckwatch.exporter.sources.errors import UnexpectedAnswer

if TYPE_CHECKING:
    import dns.message

    from deckwatch.exporter.sources.dial import Dialer, Endpoint, Phases

PHASES = ("resolve", "connect", "tls", "request")

_MAX_MESSAGE_BYTES = 0xFFFF
_MAX_STRAY_DATAGRAMS = 100  # of other queries; without a bound, many at once would keep the loop busy
_NOT_DNS = "the answer is not DNS"


class DnsResponse(NamedTuple):
    """A response, with what is known of the connection; each record is an RRset of its own in `message`."""

    message: dns.message.Message
    ip_protocol: int
    tls_version: str = ""
    certificate_ends: float | None = None


async def query_over_udp(dialler: Dialer, to: Endpoint, query: dns.message.QueryMessage, phases: Phases) -> DnsResponse:
    """Send a query in a datagram, once, and return the response; raises OSError."""
    addresses = await dialler.find_addresses(to, phases)
    begun = time.perf_counter()
    with connect_datagrams(addresses, _open_socket) as connection:
        begun = phases.add_since("connect", begun)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(connection, query.to_wire())
            for _ in range(_MAX_STRAY_DATAGRAMS):
                response = parse_response(query, await loop.sock_recv(connection, _MAX_MESSAGE_BYTES))
                if response is not None:
                    return DnsResponse(response, ip_version(connection.family))
        finally:
            phases.add_since("request", begun)
        raise UnexpectedAnswer("many answers to other queries")


async def query_over_tcp(
    dialler: Dialer, to: Endpoint, query: dns.message.QueryMessage, seconds: float, phases: Phases
) -> DnsResponse:
    """Send a query over a connection of its own, which may be secure, and return the response; raises OSError."""
    wire = query.to_wire()
    async with dialler.open_stream(to, seconds, phases) as stream:
        begun = time.perf_counter()
        try:
            stream.writer.write(len(wire).to_bytes(2) + wire)
            await stream.writer.drain()
            size = int.from_bytes(await stream.reader.readexactly(2))
            response = parse_response(query, await stream.reader.readexactly(size))
        except asyncio.IncompleteReadError:
            raise UnexpectedAnswer("answer cut short") from None
        finally:
            phases.add_since("request", begun)
        if response is None:
            raise UnexpectedAnswer("the answer is to another query")
        return DnsResponse(response, stream.ip_protocol, stream.tls_version, stream.certificate_ends)


def parse_response(query: dns.message.QueryMessage, wire: bytes) -> dns.message.Message | None:
    """Return the response in a message, None if it does not belong to this query; raises UnexpectedAnswer."""
    import dns.exception  # noqa: PLC0415 - only where something is queried
    import dns.message  # noqa: PLC0415

    if wire[:2] != query.id.to_bytes(2):
        return None
    try:
        response = dns.message.from_wire(wire, one_rr_per_rrset=True)
        return response if query.is_response(response) else None
    except (dns.exception.DNSException, ValueError) as fault:
        raise UnexpectedAnswer(_NOT_DNS) from fault


def _open_socket(family: int) -> socket.socket:
    return socket.socket(family, socket.SOCK_DGRAM)
