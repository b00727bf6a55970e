"""A connection under the ASGI application: HTTP by uvicorn, and its limits of time and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from deckwatch.exporter.protection.crowd import Guest

if TYPE_CHECKING:
    import asyncio

    from deckwatch.exporter.protection.crowd import Crowd

HEADER_SECONDS = 10.0  # for a request's header, from the connection's beginning (before TLS) or its own first byte
HEADER_BYTES = 16 * 1024
READING_SECONDS = 30.0  # for a client to read on while a page is being sent to it
_END = b"\r\n\r\n"
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 37\r\nconnection: close\r\n\r\n"
    b"a request's header has 16 KiB at most\n"
)


class Connection(H11Protocol):
    """An HTTP/1.1 connection that may neither dawdle over a header nor over reading an answer."""

    def __init__(self, crowd: Crowd, guest: Guest | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._crowd = crowd
        self._guest = guest  # with TLS it is one since before the handshake
        self._reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Find a place for the connection, and start the time limit of its first header."""
        if self._guest is None:
            self._guest = Guest(transport, self.loop)
            if self._crowd.enter(self._guest):
                self._guest.unfinished(HEADER_SECONDS)
            else:
                transport.abort()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the limit stands from a header's first byte to its last."""
        assert self._guest is not None  # noqa: S101 - for the type checker
        if self.idle and self._is_too_large(data):
            self.transport.write(_TOO_LARGE)
            self.transport.close()
            return
        super().data_received(data)
        if not self.idle:
            self._guest.busy()
        elif self._guest.state != "unfinished":
            self._guest.unfinished(HEADER_SECONDS)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self._guest is not None and self.idle:
            self._guest.resting()

    def pause_writing(self) -> None:
        """Start a time limit when the client does not read what is sent to it."""
        super().pause_writing()
        if self._reading is None and self._guest is not None:
            self._reading = self.loop.call_later(READING_SECONDS, self._guest.transport.abort)

    def resume_writing(self) -> None:
        """Lift that limit when it reads again."""
        super().resume_writing()
        self._stop_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._guest is not None:
            self._crowd.leave(self._guest)
        self._stop_reading()
        super().connection_lost(exc)

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.conn.their_state is h11.IDLE or self.transport.is_closing()

    def _is_too_large(self, data: bytes) -> bool:
        """Return whether a header does not end within its size; h11 would take any that comes in one piece."""
        begun = self.conn.trailing_data[0]
        if len(begun) + len(data) <= HEADER_BYTES:
            return False
        return _END not in (begun + data[:HEADER_BYTES])[:HEADER_BYTES]

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
