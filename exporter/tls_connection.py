"""TLS between TCP and HTTP.

asyncio's own begins to count connections when the handshake is done, and ends a failed one without the alert that
tells the client why. Here a connection has its place and its time limit from the first moment on, and the alert is
sent.
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
    from deckwatch.exporter.protection.connection_limits import ConnectionPool
    from deckwatch.exporter.protection.log_throttle import LogThrottle
    from deckwatch.exporter.protection.reloading_config import ReloadingConfig

log = logging.getLogger("deckwatch.listen")

_CHUNK = 64 * 1024


class TlsConnection(asyncio.Protocol):
    """One connection over TLS: what TCP gives is deciphered for an HTTP connection made when the handshake is done."""

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
        """Find a place for the connection, and see to it that the newest certificate is shown."""
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
        """Go on with the handshake, or hand on what was deciphered."""
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
            except ssl.SSLError:  # the end, told or not
                data = b""
            if not data:
                self.close()
                break
            self._http.data_received(data)
        self._flush_outgoing()

    def write(self, data: bytes) -> None:
        """Encipher and send."""
        assert self._tls is not None  # noqa: S101 - there is HTTP
        left = memoryview(data)
        with contextlib.suppress(ssl.SSLError):  # it has ended already
            while left:
                left = left[self._tls.write(left) :]
        self._flush_outgoing()

    def close(self) -> None:
        """Say goodbye, and end when everything is sent; the other side's goodbye is not waited for."""
        if self._tls is not None and not self.tcp.is_closing():
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush_outgoing()
        self.tcp.close()

    def pause_reading(self) -> None:
        """Take no more in."""
        self._paused = True
        self.tcp.pause_reading()

    def resume_reading(self) -> None:
        """Take more in, and first what has come already."""
        if self._paused:
            self._paused = False
            self.tcp.resume_reading()
            self.slot.loop.call_soon(self._read_decrypted)

    def pause_writing(self) -> None:
        """Tell HTTP that the client does not read."""
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        """Tell HTTP that it reads again."""
        if self._http is not None:
            self._http.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._pool.remove_slot(self.slot)
        if self._http is not None:
            self._http.connection_lost(exc)

    def _flush_outgoing(self) -> None:
        if data := self._outgoing.read():
            self.tcp.write(data)

    def _reject_handshake(self, why: str) -> None:
        """End a handshake that came to nothing, with OpenSSL's alert if it has one."""
        if (more := self._throttle(f"{self.slot.client} {why}")) is not None:
            log.warning("TLS with %s failed: %s%s", self.slot.client, why, more)
        self._flush_outgoing()
        self.tcp.close()


class TlsTransport(asyncio.Transport):
    """The transport of the HTTP connection: what is written to it is enciphered."""

    def __init__(self, tls_connection: TlsConnection, context: ssl.SSLContext) -> None:
        super().__init__({"sslcontext": context})
        self._connection = tls_connection

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of TLS, or of TCP below."""
        return super().get_extra_info(name) or self._connection.tcp.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        self._connection.write(bytes(data))

    def close(self) -> None:
        """End when everything is sent."""
        self._connection.close()

    def abort(self) -> None:
        """End at once."""
        self._connection.tcp.abort()

    def is_closing(self) -> bool:
        """Return whether it ends or has ended."""
        return self._connection.tcp.is_closing()

    def pause_reading(self) -> None:
        """Take no more in."""
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Take more in."""
        self._connection.resume_reading()
