"""Connections to TCP services, with the duration of each phase; coroutines, which the caller bounds in time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter.sources.errors import NoAddress
from deckwatch.exporter.worker_pool import WorkerPool
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from deckwatch.exporter.world import World

Address = tuple[Any, ...]  # family, type, protocol, canonical name, address: as socket.getaddrinfo gives it

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_STALLED_SECONDS = 0.02  # look-ups of which none ends for this long get one more thread
_MAX_CONNECTIONS = 500
_DESCRIPTORS_SHARE = 4  # at most one in so many of the descriptors that this process may open is a probe's


class Phases(dict[str, float]):
    """Seconds spent by phase; several visits to a phase are added up."""

    def add_since(self, phase: str, begun: float) -> float:
        """Add the time since `begun` (of `perf_counter`) to a phase, and return the current time."""
        now = time.perf_counter()
        self[phase] = self.get(phase, 0.0) + now - begun
        return now


class Endpoint(NamedTuple):
    """A service to connect to; `secure` is whether over TLS, with the protocols in `alpn` on offer.

    `authority` is a file with certificates to trust, `client` the files of one's own certificate and its key.
    `ip_protocol` is 4 or 6, or 0 for any. `server_name` is what the certificate is for, instead of `host`.
    """

    host: str
    port: int
    secure: bool = False
    authority: Path | None = None
    client: tuple[Path, Path] | None = None
    ip_protocol: int = 0
    alpn: tuple[str, ...] = ()
    server_name: str = ""


class Stream(NamedTuple):
    """An open connection; `tls_version` is empty without TLS.

    `certificate_ends` is the earliest end of the certificates that the server sent, as a Unix time. `alpn` is the
    protocol that the server chose of those on offer, empty if none.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ip_protocol: int
    tls_version: str = ""
    certificate_ends: float | None = None
    alpn: str = ""


class Dialer(Source):
    """Opens connections; a Source of the World that keeps what is expensive: pending look-ups and TLS settings.

    Its coroutines run on the World's EventLoop only. `slots` bounds how many probes run at a time.
    """

    def __init__(self, _world: World) -> None:
        self.slots = asyncio.Semaphore(_count_slots())
        self._pool = WorkerPool("lookup")
        self._lookups: dict[tuple[str, int], asyncio.Future[list[Address] | OSError]] = {}
        self._contexts: dict[tuple[Any, ...], tuple[list[int], ssl.SSLContext]] = {}

    def close(self) -> None:
        """End the threads that are not stuck."""
        self._pool.close()

    @contextlib.asynccontextmanager
    async def open_stream(self, to: Endpoint, seconds: float, phases: Phases) -> AsyncIterator[Stream]:
        """Open a connection to the first of the host's addresses that answers, under TLS where it is secure.

        The certificate is checked against the system's or the given authorities. `seconds` is what the caller's time
        limit leaves, of which an address that swallows packets costs only its share. Raises OSError.
        """
        context = self._tls_context(to) if to.secure else None
        connection = await self._open_socket(to, seconds, phases)
        begun = time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection(
                sock=connection,
                ssl=context,
                server_hostname=(to.server_name or to.host) if to.secure else None,
                ssl_handshake_timeout=seconds + 1 if to.secure else None,
            )
        except BaseException:
            connection.close()
            raise
        finally:
            if to.secure:
                phases.add_since("tls", begun)
        try:
            yield _describe_stream(reader, writer, ip_version(connection.family))
        finally:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def start_tls(self, stream: Stream, to: Endpoint, seconds: float, phases: Phases) -> AsyncIterator[Stream]:
        """Continue an open connection over TLS, as after STARTTLS; raises OSError.

        What the server has sent before the handshake is discarded: anybody on the way could have (RFC 3207, 6).
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        begun = time.perf_counter()
        try:
            transport = await loop.start_tls(
                stream.writer.transport,
                protocol,
                self._tls_context(to),
                server_hostname=to.server_name or to.host,
                ssl_handshake_timeout=seconds + 1,
            )
        finally:
            phases.add_since("tls", begun)
        if transport is None:  # the connection was lost
            raise ConnectionResetError
        try:
            protocol.connection_made(transport)
            yield _describe_stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop), stream.ip_protocol)
        finally:
            transport.abort()

    async def find_addresses(self, to: Endpoint, phases: Phases) -> list[Address]:
        """Return the host's addresses of the wanted IP version; raises OSError if there are none."""
        begun = time.perf_counter()
        try:
            addresses = await self._resolve_host(to.host, to.port)
        finally:
            phases.add_since("resolve", begun)
        wanted = _FAMILIES.get(to.ip_protocol)
        addresses = [address for address in addresses if wanted in (None, address[0])]
        if not addresses:
            raise NoAddress
        return addresses

    async def _open_socket(self, to: Endpoint, seconds: float, phases: Phases) -> socket.socket:
        ends = time.perf_counter() + seconds
        addresses = await self.find_addresses(to, phases)
        begun = time.perf_counter()
        fault: OSError = NoAddress()
        try:
            for index, (family, kind, protocol, _, address) in enumerate(addresses):
                connection = socket.socket(family, kind, protocol)
                connection.setblocking(False)
                share = (ends - time.perf_counter()) / (len(addresses) - index)
                try:
                    async with asyncio.timeout(share):
                        await asyncio.get_running_loop().sock_connect(connection, address)
                except OSError as error:
                    connection.close()
                    fault = error
                except BaseException:
                    connection.close()
                    raise
                else:
                    return connection
        finally:
            phases.add_since("connect", begun)
        try:
            raise fault
        finally:
            del fault  # or this frame and the error would be a reference cycle

    async def _resolve_host(self, host: str, port: int) -> list[Address]:
        """Resolve a name. The system's resolver has no time limit: the next call joins a stuck look-up."""
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass  # a name, not an address
        lookup = self._lookups.get((host, port))
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = loop.create_future()
            if not self._lookups:
                loop.call_later(_STALLED_SECONDS, self._watch_lookups)
            self._lookups[host, port] = lookup
            self._pool.submit(lambda: self._look_up(loop, host, port))
        found = await asyncio.shield(lookup)
        if isinstance(found, OSError):
            raise type(found)(*found.args)  # several probes may join the look-up
        return found

    def _look_up(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> None:
        found: list[Address] | OSError
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as fault:
            found = fault.with_traceback(None)
        except UnicodeError:
            found = socket.gaierror(socket.EAI_NONAME, "not a valid host name")
        with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody awaits the result
            loop.call_soon_threadsafe(self._end_lookup, (host, port), found)

    def _end_lookup(self, key: tuple[str, int], found: list[Address] | OSError) -> None:
        lookup = self._lookups.pop(key)
        if not lookup.done():
            lookup.set_result(found)

    def _watch_lookups(self) -> None:
        if self._lookups:
            self._pool.grow_if_stalled()
            asyncio.get_running_loop().call_later(_STALLED_SECONDS, self._watch_lookups)

    def _tls_context(self, to: Endpoint) -> ssl.SSLContext:
        """Return the TLS settings; reading the system's certificates takes as long as ten probes."""
        files = [to.authority] if to.authority else []
        times = [file.stat().st_mtime_ns for file in (*files, *(to.client or ()))]
        key = (to.authority, to.client, to.alpn)
        known = self._contexts.get(key)
        if known is not None and known[0] == times:
            return known[1]
        context = ssl.create_default_context(cafile=to.authority)
        if to.alpn:
            context.set_alpn_protocols(list(to.alpn))
        if to.client:
            context.load_cert_chain(*to.client, password="")
        self._contexts[key] = times, context
        return context


def ip_version(family: int) -> int:
    """Return 4 or 6 for a family of addresses."""
    return 6 if family == socket.AF_INET6 else 4


def _describe_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ip_protocol: int) -> Stream:
    tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    if tls is None:
        return Stream(reader, writer, ip_protocol)
    version = (tls.version() or "").replace("TLSv", "TLS ")
    ends = min(_certificate_expiries(tls), default=None)
    return Stream(reader, writer, ip_protocol, version, ends, tls.selected_alpn_protocol() or "")


def _certificate_expiries(secured: ssl.SSLObject) -> Iterator[float]:
    """Yield when each certificate that the server sent ends, as a Unix time: its own and those that have issued it.

    Python parses certificates of the chain only below its public interface (get_unverified_chain, which since 3.13
    returns them as bytes); without that, there is only the server's own.
    """
    read_chain = getattr(getattr(secured, "_sslobj", None), "get_unverified_chain", lambda: None)
    certificates = [certificate.get_info() for certificate in read_chain() or ()]
    for certificate in certificates or [secured.getpeercert() or {}]:
        ends = certificate.get("notAfter")
        if isinstance(ends, str):
            yield ssl.cert_time_to_seconds(ends)


def _count_slots() -> int:
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return _MAX_CONNECTIONS
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MAX_CONNECTIONS if limit < 0 else max(1, min(_MAX_CONNECTIONS, limit // _DESCRIPTORS_SHARE))
