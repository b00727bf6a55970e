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
READ_SECONDS = 30.0  # for a client to read its pages, from the first moment that it has to be waited for
MAX_PIPELINED = 16  # requests in a row that a client sends before it has the response to the one before
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
        self._is_paused = False  # as long as the client does not read
        self._pipelined = 0
        self._has_ended = False  # whether the client will send nothing more

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
            self._start_read_timeout()
            return
        super().data_received(data)
        if not self.is_idle:
            if self._slot.state != "unread":
                self._slot.mark_busy()
        elif self._slot.state != "incomplete":
            self._slot.mark_incomplete(HEADER_SECONDS)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn closes the connection at once
        """Keep the connection until everything that the client has asked for is answered.

        A client may close its side after the request, as `nc -N` and the checks of some load balancers do.
        """
        self._has_ended = True
        return not self.is_idle

    def on_response_complete(self) -> None:
        """Mark the connection idle until the next request."""
        self._pipelined = self._pipelined + 1 if self.conn.trailing_data[0] else 0
        if self._pipelined >= MAX_PIPELINED:
            self.transport.close()
        super().on_response_complete()
        if self._has_ended and self.is_idle:
            self.transport.close()
        if self.transport.is_closing():
            self._start_read_timeout()  # closed only when everything is sent
        elif self.is_idle and not self._is_paused:
            self._cancel_read_timeout()
        if self._slot is not None and self.is_idle:
            if self._is_paused:
                self._slot.mark_unread()
            else:
                self._slot.mark_idle()

    def pause_writing(self) -> None:
        """Start a time limit when the client stops reading."""
        super().pause_writing()
        self._is_paused = True
        self._start_read_timeout()
        if self._slot is not None:
            self._slot.mark_unread()

    def resume_writing(self) -> None:
        """Cancel that limit once the client has read everything that it asked for.

        A client that reads a little, and asks again before the end, does not get more time.
        """
        super().resume_writing()
        self._is_paused = False
        if self._slot is None or self.transport.is_closing():
            return
        if self.is_idle:
            self._cancel_read_timeout()
            self._slot.mark_idle()
        else:
            self._slot.mark_busy()

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

    def _start_read_timeout(self) -> None:
        if self._read_timeout is None and self._slot is not None:
            self._read_timeout = self.loop.call_later(READ_SECONDS, self._slot.transport.abort)

    def _cancel_read_timeout(self) -> None:
        if self._read_timeout is not None:
            self._read_timeout.cancel()
            self._read_timeout = None
