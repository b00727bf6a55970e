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
from deckwatch.exporter.protection.crowd import Guest

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.connection import Connection
    from deckwatch.exporter.protection.crowd import Crowd
    from deckwatch.exporter.protection.seldom import Seldom
    from deckwatch.exporter.protection.watched import Watched

log = logging.getLogger("deckwatch.listen")

_CHUNK = 64 * 1024


class Secured(asyncio.Protocol):
    """One connection over TLS: what TCP gives is deciphered for an HTTP connection made when the handshake is done."""

    def __init__(self, crowd: Crowd, protection: Watched, seldom: Seldom, made: Callable[[Guest], Connection]) -> None:
        self._crowd = crowd
        self._protection = protection
        self._seldom = seldom
        self._made = made
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._http: Connection | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find a place for the connection, and see to it that the newest certificate is shown."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.tcp = transport
        self.guest = Guest(transport, asyncio.get_running_loop())
        if not self._crowd.enter(self.guest):
            transport.abort()
            return
        self.guest.unfinished(connection.HEADER_SECONDS)
        transport.pause_reading()
        self._beginning = self.guest.loop.create_task(self._begin())

    async def _begin(self) -> None:
        context = (await self._protection.look()).context
        if context is None or self.tcp.is_closing():
            self.tcp.abort()
            return
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_side=True)
        self.tcp.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Go on with the handshake, or hand on what was deciphered."""
        self._arrived.write(data)
        if self._http is None:
            self._shake()
        if self._http is not None:
            self._read()

    def _shake(self) -> None:
        assert self._tls is not None  # noqa: S101 - nothing is read before
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            return
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or str(error)
            self._refuse(reason.replace("_", " ").lower())
            return
        if not self._protection.lets_in(self._tls.getpeercert()):
            self._refuse("its certificate has none of the names in client_allowed_sans")
            return
        self._send()
        self._http = self._made(self.guest)
        self._http.connection_made(Channel(self, self._tls.context))

    def _read(self) -> None:
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
        self._send()

    def write(self, data: bytes) -> None:
        """Encipher and send."""
        assert self._tls is not None  # noqa: S101 - there is HTTP
        left = memoryview(data)
        with contextlib.suppress(ssl.SSLError):  # it has ended already
            while left:
                left = left[self._tls.write(left) :]
        self._send()

    def close(self) -> None:
        """Say goodbye, and end when everything is sent; the other side's goodbye is not waited for."""
        if self._tls is not None and not self.tcp.is_closing():
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._send()
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
            self.guest.loop.call_soon(self._read)

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
        self._crowd.leave(self.guest)
        if self._http is not None:
            self._http.connection_lost(exc)

    def _send(self) -> None:
        if data := self._leaving.read():
            self.tcp.write(data)

    def _refuse(self, why: str) -> None:
        """End a handshake that came to nothing, with OpenSSL's alert if it has one."""
        if (more := self._seldom(f"{self.guest.client} {why}")) is not None:
            log.warning("TLS with %s failed: %s%s", self.guest.client, why, more)
        self._send()
        self.tcp.close()


class Channel(asyncio.Transport):
    """The transport of the HTTP connection: what is written to it is enciphered."""

    def __init__(self, secured: Secured, context: ssl.SSLContext) -> None:
        super().__init__({"sslcontext": context})
        self._secured = secured

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of TLS, or of TCP below."""
        return super().get_extra_info(name) or self._secured.tcp.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        self._secured.write(bytes(data))

    def close(self) -> None:
        """End when everything is sent."""
        self._secured.close()

    def abort(self) -> None:
        """End at once."""
        self._secured.tcp.abort()

    def is_closing(self) -> bool:
        """Return whether it ends or has ended."""
        return self._secured.tcp.is_closing()

    def pause_reading(self) -> None:
        """Take no more in."""
        self._secured.pause_reading()

    def resume_reading(self) -> None:
        """Take more in."""
        self._secured.resume_reading()
