"""One request and its response over HTTP/1.1 on an open connection, by the library h11 (RFC 9112)."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.sources.dial import Stream

NO_CONTENT = (204, 304)  # statuses of responses that have no body

_MAX_HEAD_BYTES = 1 << 16
_PIECE_BYTES = 1 << 16
_SWITCHING_PROTOCOLS = 101
_MAX_INTERIM_RESPONSES = 100


class ResponseHead(NamedTuple):
    """The start of a response; `content_length` is -1 where the server does not tell. Names are in lower case."""

    status: int
    version: float
    content_length: int
    headers: tuple[tuple[str, str], ...]


class HttpExchange:
    """A request and its response. Errors are those of `http.client`, for which there are messages."""

    def __init__(self, stream: Stream) -> None:
        import h11  # noqa: PLC0415 - only where something is requested

        self.first_byte_at = 0.0  # of perf_counter
        self._stream = stream
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._has_head = False
        self._ended = False  # whether the server has closed the connection

    async def send_request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> ResponseHead:
        """Send a request and return the head of its response; raises HTTPException, OSError, and ValueError.

        The latter is for a header that cannot be sent. With a body there has to be the header Content-Length.
        """
        import h11  # noqa: PLC0415

        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        try:
            request = self._connection.send(h11.Request(method=method, target=path, headers=fields)) or b""
        except h11.LocalProtocolError as fault:
            raise ValueError(str(fault)) from None
        if body:
            request += self._connection.send(h11.Data(data=body)) or b""
        self._stream.writer.write(request + (self._connection.send(h11.EndOfMessage()) or b""))
        await self._stream.writer.drain()
        event = await self._next_event()
        for _ in range(_MAX_INTERIM_RESPONSES):
            if not isinstance(event, h11.InformationalResponse) or event.status_code == _SWITCHING_PROTOCOLS:
                break
            event = await self._next_event()
        else:
            raise http.client.HTTPException("many interim responses")
        if not isinstance(event, h11.Response | h11.InformationalResponse):
            raise http.client.HTTPException(type(event).__name__)
        self._has_head = True
        found = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
        by_name = dict(found)
        length = int(by_name.get("content-length", 0 if event.status_code in NO_CONTENT else -1))
        is_chunked = "transfer-encoding" in by_name
        return ResponseHead(event.status_code, float(event.http_version), -1 if is_chunked else length, found)

    def trailing_data(self) -> bytes:
        """Return the bytes received after the head of a response that switches to another protocol."""
        return self._connection.trailing_data[0]

    async def read_piece(self) -> bytes:
        """Return the next piece of the body, empty at its end; raises IncompleteRead where it is cut short."""
        import h11  # noqa: PLC0415

        event = await self._next_event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def _next_event(self) -> object:
        """Return the next event of h11: a response, data, or the end."""
        import h11  # noqa: PLC0415

        try:
            while (event := self._connection.next_event()) is h11.NEED_DATA:
                data = await self._stream.reader.read(_PIECE_BYTES)
                if data:
                    self.first_byte_at = self.first_byte_at or time.perf_counter()
                else:
                    self._ended = True
                self._connection.receive_data(data)
        except h11.RemoteProtocolError as fault:
            if not self._ended:
                raise http.client.HTTPException(str(fault)) from None
            if self._has_head:
                raise http.client.IncompleteRead(b"") from None
            if self.first_byte_at:
                raise http.client.HTTPException(str(fault)) from None
            raise http.client.RemoteDisconnected("") from None
        return event
