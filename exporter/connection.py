"""A connection of the ASGI server: uvicorn's HTTP/1.1 with limits on time and header size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from deckwatch.exporter.protection.connection_limits import ConnectionSlot

if TYPE_CHECKING:
    import asyncio

    from deckwatch.exporter.protection.connection_limits import ConnectionPool

HEADER_SECONDS = (
    10.0  # for a request's header, from the start of the connection (before TLS) or the header's first byte
)
MAX_HEADER_BYTES = 16 * 1024
READ_SECONDS = 30.0  # for a client to resume reading a page that is being sent
_HEADER_END = b"\r\n\r\n"
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 37\r\nconnection: close\r\n\r\n"
    b"a request's header has 16 KiB at most\n"
)


class Connection(H11Protocol):
    """An HTTP/1.1 connection with time limits for sending a header and for reading a response."""

    def __init__(self, pool: ConnectionPool, slot: ConnectionSlot | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._pool = pool
        self._slot = slot  # with TLS it exists since before the handshake
        self._read_timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Reserve a slot for the connection, and start the time limit of its first header."""
        if self._slot is None:
            self._slot = ConnectionSlot(transport, self.loop)
            if self._pool.add_slot(self._slot):
                self._slot.mark_incomplete(HEADER_SECONDS)
            else:
                transport.abort()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Receive bytes; the time limit applies from the first byte of a header to its last."""
        assert self._slot is not None  # noqa: S101 - for the type checker
        if self.is_idle and self._is_too_large(data):
            self.transport.write(_TOO_LARGE)
            self.transport.close()
            return
        super().data_received(data)
        if not self.is_idle:
            self._slot.mark_busy()
        elif self._slot.state != "incomplete":
            self._slot.mark_incomplete(HEADER_SECONDS)

    def on_response_complete(self) -> None:
        """Mark the connection idle until the next request."""
        super().on_response_complete()
        if self._slot is not None and self.is_idle:
            self._slot.mark_idle()

    def pause_writing(self) -> None:
        """Start a time limit when the client stops reading."""
        super().pause_writing()
        if self._read_timeout is None and self._slot is not None:
            self._read_timeout = self.loop.call_later(READ_SECONDS, self._slot.transport.abort)

    def resume_writing(self) -> None:
        """Cancel that limit when the client reads again."""
        super().resume_writing()
        self._cancel_read_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the slot."""
        if self._slot is not None:
            self._pool.remove_slot(self._slot)
        self._cancel_read_timeout()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.conn.their_state is h11.IDLE or self.transport.is_closing()

    def _is_too_large(self, data: bytes) -> bool:
        """Return whether the header exceeds its size limit; h11 accepts any header that arrives in one piece."""
        received = self.conn.trailing_data[0]
        if len(received) + len(data) <= MAX_HEADER_BYTES:
            return False
        return _HEADER_END not in (received + data[:MAX_HEADER_BYTES])[:MAX_HEADER_BYTES]

    def _cancel_read_timeout(self) -> None:
        if self._read_timeout is not None:
            self._read_timeout.cancel()
            self._read_timeout = None
