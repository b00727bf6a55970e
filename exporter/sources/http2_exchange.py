"""One request and its response over HTTP/2 on an open connection, by the library h2 (RFC 9113).

The server has chosen HTTP/2 in the TLS handshake, or is known to speak it.
"""

from __future__ import annotations

import functools
import http.client
import importlib.util
import time
from collections import deque
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.errors import UnexpectedAnswer
from deckwatch.exporter.sources.http_exchange import NO_CONTENT, ResponseHead

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.exporter.sources.dial import Stream

ALPN = "h2"

_STREAM = 1  # the first of a client
_PIECE_BYTES = 1 << 16
_FRAME_HEAD_BYTES = 9
_MAX_IDLE_FRAMES = 1000  # of the connection, such as pings, before an answer
_MAX_HEAD_BYTES = 1 << 16
# Of HTTP/1.1 alone: RFC 9113, 8.2.2.
_CONNECTION_FIELDS = frozenset({"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


@functools.cache
def is_available() -> bool:
    """Return whether the library is installed, by the extra `probes`."""
    return importlib.util.find_spec("h2") is not None


class Http2Exchange:
    """A request and its response, like HttpExchange. Errors are those of `http.client`, for which there are messages.

    `trailers` are the fields after the body, once it has been read, with names in lower case.
    """

    def __init__(self, stream: Stream) -> None:
        import h2.config  # noqa: PLC0415 - only where something is requested
        import h2.connection  # noqa: PLC0415
        from h2.settings import SettingCodes, Settings  # noqa: PLC0415

        self.first_byte_at = 0.0  # of perf_counter: of the response, before which the server sends its settings
        self.trailers: tuple[tuple[str, str], ...] = ()
        self._stream = stream
        self._connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="latin-1")
        )
        own = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.MAX_HEADER_LIST_SIZE: _MAX_HEAD_BYTES}
        self._connection.local_settings = Settings(client=True, initial_values=own)
        self._events: deque[object] = deque()  # of our stream, or the end of the connection
        self._received = bytearray()  # the start of a frame
        self._has_head = False
        self._idle_frames = 0

    async def send_request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> ResponseHead:
        """Send a request and return the head of its response; raises HTTPException, OSError, and ValueError.

        The latter is for a header that cannot be sent. The header Host becomes the authority.
        """
        import h2.events  # noqa: PLC0415
        import h2.exceptions  # noqa: PLC0415

        by_name = {name.lower(): value for name, value in headers.items()}
        fields = [(":method", method), (":scheme", "https" if self._stream.tls_version else "http")]
        fields += [(":authority", by_name["host"]), (":path", path)]
        fields += [(name, value) for name, value in by_name.items() if name not in _CONNECTION_FIELDS]
        self._connection.initiate_connection()
        try:
            self._connection.send_headers(_STREAM, fields, end_stream=not body)
        except h2.exceptions.ProtocolError as fault:
            raise ValueError(str(fault)) from None
        await self._flush()
        if body:
            await self._send_body(body)
        event = await self._next_event()
        while isinstance(event, h2.events.InformationalResponseReceived):
            event = await self._next_event()
        if not isinstance(event, h2.events.ResponseReceived):
            raise http.client.HTTPException(type(event).__name__)
        self._has_head = True
        found = _text_fields(event.headers)
        try:
            status = int(dict(found)[":status"])
        except ValueError:
            raise http.client.HTTPException("the status is not a number") from None
        length = int(dict(found).get("content-length", 0 if status in NO_CONTENT else -1))
        return ResponseHead(status, 2.0, length, tuple(field for field in found if not field[0].startswith(":")))

    async def read_piece(self) -> bytes:
        """Return the next piece of the body, empty at its end; raises IncompleteRead where it is cut short."""
        import h2.events  # noqa: PLC0415

        while not isinstance(event := await self._next_event(), h2.events.StreamEnded):
            if isinstance(event, h2.events.TrailersReceived):
                self.trailers = _text_fields(event.headers)
            elif isinstance(event, h2.events.DataReceived) and event.data:
                return bytes(event.data)
        return b""

    async def _send_body(self, body: bytes) -> None:
        """Send a body as the server's flow control allows, until the end or until the server answers."""
        while body and not self._events:
            window = self._connection.local_flow_control_window(_STREAM)
            size = min(len(body), window, self._connection.max_outbound_frame_size)
            if size > 0:
                self._connection.send_data(_STREAM, body[:size], end_stream=size == len(body))
                body = body[size:]
                await self._flush()
            else:
                await self._receive()

    async def _next_event(self) -> object:
        """Return the next event of our stream; raises HTTPException where it, or the connection, ends early."""
        import h2.events  # noqa: PLC0415

        while not self._events:
            await self._receive()
        event = self._events.popleft()
        if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
            raise self._early_end()
        return event

    async def _receive(self) -> None:
        import h2.events  # noqa: PLC0415
        import h2.exceptions  # noqa: PLC0415

        data = await self._stream.reader.read(_PIECE_BYTES)
        if not data:
            raise self._early_end()
        self._received += data
        try:
            for frame in self._split_frames():
                known = len(self._events)
                for event in self._connection.receive_data(frame):
                    self._take_event(event)
                self._idle_frames += len(self._events) == known
                if self._idle_frames > _MAX_IDLE_FRAMES:
                    raise UnexpectedAnswer("many frames without an answer")
        except h2.exceptions.InvalidBodyLengthError:
            raise http.client.IncompleteRead(b"") from None
        except h2.exceptions.ProtocolError as fault:
            raise http.client.HTTPException(type(fault).__name__) from None
        await self._flush()

    def _take_event(self, event: object) -> None:
        """Queue an event of our stream, or the end of the connection; acknowledge data."""
        import h2.events  # noqa: PLC0415
        from h2.connection import ConnectionState  # noqa: PLC0415

        if isinstance(event, h2.events.ConnectionTerminated) and not event.error_code and event.last_stream_id:
            # The server takes no further requests and answers ours, but h2 refuses all frames after GOAWAY.
            self._connection.state_machine.state = ConnectionState.CLIENT_OPEN
            return
        if isinstance(event, h2.events.WindowUpdated):
            return
        if isinstance(event, h2.events.DataReceived) and not event.flow_controlled_length:
            return
        if isinstance(event, h2.events.DataReceived):
            self._connection.acknowledge_received_data(event.flow_controlled_length, _STREAM)
        if isinstance(event, h2.events.ResponseReceived):
            self.first_byte_at = self.first_byte_at or time.perf_counter()
        if getattr(event, "stream_id", 0) == _STREAM or isinstance(event, h2.events.ConnectionTerminated):
            self._events.append(event)

    def _split_frames(self) -> Iterator[bytes]:
        """Yield and remove the complete frames that have been received, one by one for `_take_event`."""
        while len(self._received) >= _FRAME_HEAD_BYTES:
            size = _FRAME_HEAD_BYTES + int.from_bytes(self._received[:3])
            if size > _FRAME_HEAD_BYTES + self._connection.max_inbound_frame_size:
                raise http.client.HTTPException("a frame is too large")
            if len(self._received) < size:
                return
            frame = bytes(self._received[:size])
            del self._received[:size]
            yield frame

    async def _flush(self) -> None:
        self._stream.writer.write(self._connection.data_to_send())
        await self._stream.writer.drain()

    def _early_end(self) -> Exception:
        return http.client.IncompleteRead(b"") if self._has_head else http.client.RemoteDisconnected("")


def _text_fields(fields: object) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in fields)  # type: ignore[attr-defined]
