"""TLS between TCP and HTTP.

asyncio counts a connection only after its handshake, and closes a failed one without the alert that gives the client
the reason. Here a connection has its slot and its time limit from the start, and the alert is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import TYPE_CHECKING, Any

from deckwatch.exporter import connection
from deckwatch.exporter.protection.connection_limits import ConnectionSlot

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.connection import Connection
    from deckwatch.exporter.log_throttle import LogThrottle
    from deckwatch.exporter.protection.connection_limits import ConnectionPool
    from deckwatch.exporter.protection.reloading_config import ReloadingConfig

log = logging.getLogger("deckwatch.listen")

_CHUNK = 64 * 1024


class TlsConnection(asyncio.Protocol):
    """A connection over TLS; its decrypted data goes to an HTTP connection that is made after the handshake."""

    def __init__(
        self,
        pool: ConnectionPool,
        protection: ReloadingConfig,
        throttle: LogThrottle,
        make_http: Callable[[ConnectionSlot], Connection],
    ) -> None:
        self._pool = pool
        self._protection = protection
        self._throttle = throttle
        self._make_http = make_http
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._http: Connection | None = None
        self._start_task: asyncio.Task[None] | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Reserve a slot for the connection, and reload the certificate if it has changed."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.tcp = transport
        self.slot = ConnectionSlot(transport, asyncio.get_running_loop())
        if not self._pool.add_slot(self.slot):
            transport.abort()
            return
        self.slot.mark_incomplete(connection.HEADER_SECONDS)
        transport.pause_reading()
        self._start_task = self.slot.loop.create_task(self._start_handshake())

    async def _start_handshake(self) -> None:
        context = (await self._protection.reload_if_changed()).context
        if context is None or self.tcp.is_closing():
            self.tcp.abort()
            return
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.tcp.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Continue the handshake, or pass on decrypted data."""
        self._incoming.write(data)
        if self._http is None:
            self._continue_handshake()
        if self._http is not None:
            self._read_decrypted()

    def _continue_handshake(self) -> None:
        assert self._tls is not None  # noqa: S101 - nothing is read before
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush_outgoing()
            return
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or str(error)
            self._reject_handshake(reason.replace("_", " ").lower())
            return
        if not self._protection.is_client_allowed(self._tls.getpeercert()):
            self._reject_handshake("its certificate has none of the names in client_allowed_sans")
            return
        self._flush_outgoing()
        self._http = self._make_http(self.slot)
        self._http.connection_made(TlsTransport(self, self._tls.context))

    def _read_decrypted(self) -> None:
        assert self._tls is not None  # noqa: S101 - there is HTTP
        assert self._http is not None  # noqa: S101
        while not self._paused and not self.tcp.is_closing():
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:  # closed, with or without a close_notify
                data = b""
            if not data:
                if not self._http.eof_received():
                    self.close()
                break
            self._http.data_received(data)
        self._flush_outgoing()

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        assert self._tls is not None  # noqa: S101 - there is HTTP
        remaining = memoryview(data)
        with contextlib.suppress(ssl.SSLError):  # already closed
            while remaining:
                remaining = remaining[self._tls.write(remaining) :]
        self._flush_outgoing()

    def close(self) -> None:
        """Send close_notify and close once everything is sent, without waiting for the peer's close_notify."""
        if self._tls is not None and not self.tcp.is_closing():
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush_outgoing()
        self.tcp.close()

    def eof_received(self) -> bool:
        """Keep the connection until everything that the client has asked for is answered."""
        return self._http is not None and self._http.eof_received()

    def pause_reading(self) -> None:
        """Stop reading."""
        self._paused = True
        self.tcp.pause_reading()

    def resume_reading(self) -> None:
        """Read again, starting with data already received."""
        if self._paused:
            self._paused = False
            self.tcp.resume_reading()
            self.slot.loop.call_soon(self._read_decrypted)

    def pause_writing(self) -> None:
        """Pass on to HTTP that the client has stopped reading."""
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        """Pass on to HTTP that the client reads again."""
        if self._http is not None:
            self._http.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the slot."""
        self._pool.remove_slot(self.slot)
        if self._http is not None:
            self._http.connection_lost(exc)

    def _flush_outgoing(self) -> None:
        if data := self._outgoing.read():
            self.tcp.write(data)

    def _reject_handshake(self, reason: str) -> None:
        """Close after a failed handshake, with OpenSSL's alert if there is one."""
        if (more := self._throttle(f"{self.slot.client} {reason}")) is not None:
            log.warning("TLS with %s failed: %s%s", self.slot.client, reason, more)
        self._flush_outgoing()
        self.tcp.close()


class TlsTransport(asyncio.Transport):
    """The transport of the HTTP connection, which encrypts the data written to it."""

    def __init__(self, tls_connection: TlsConnection, context: ssl.SSLContext) -> None:
        super().__init__({"sslcontext": context})
        self._connection = tls_connection

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return information about TLS, else about the TCP connection."""
        return super().get_extra_info(name) or self._connection.tcp.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send data."""
        self._connection.write(bytes(data))

    def close(self) -> None:
        """Close once everything is sent."""
        self._connection.close()

    def abort(self) -> None:
        """Close at once."""
        self._connection.tcp.abort()

    def is_closing(self) -> bool:
        """Return whether the connection is closing or closed."""
        return self._connection.tcp.is_closing()

    def pause_reading(self) -> None:
        """Stop reading."""
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._connection.resume_reading()
