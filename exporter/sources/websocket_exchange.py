"""The handshake of WebSocket (RFC 6455) over HTTP/1.1, and messages by the library websockets."""

from __future__ import annotations

import asyncio
import http.client
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter.sources.errors import UnexpectedAnswer
from deckwatch.exporter.sources.http_exchange import HttpExchange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.sources.dial import Stream
    from deckwatch.exporter.sources.http_exchange import ResponseHead

UPGRADED = 101  # Switching Protocols

_PIECE_BYTES = 1 << 16
_MAX_MESSAGE_BYTES = 1 << 18
_MAX_READ_BYTES = 1 << 20
# A logger that no configuration reaches: what servers send is not logged.
_SILENT = logging.Logger("websocket", logging.CRITICAL)  # noqa: LOG001
_NOT_WEBSOCKET = "the answer is not WebSocket"


class Handshake(NamedTuple):
    """The response to a handshake, and what has been received after it."""

    status: int
    received: bytes = b""


async def shake_hands(stream: Stream, path: str, headers: Mapping[str, str]) -> Handshake:
    """Ask for an upgrade to WebSocket, and verify the response if it is one.

    Raises OSError, HTTPException, and ValueError for a header that cannot be sent.
    """
    from websockets.utils import generate_key  # noqa: PLC0415 - only where something is requested

    key = generate_key()
    exchange = HttpExchange(stream)
    own = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}
    head = await exchange.send_request("GET", path, {**headers, **own})
    if head.status == UPGRADED:
        _verify_response(head, key)
    return Handshake(head.status, exchange.trailing_data())


class MessageExchange:
    """Messages over an open WebSocket connection, after its handshake. Pings are answered."""

    def __init__(self, stream: Stream, received: bytes) -> None:
        from websockets.protocol import CLIENT, Protocol  # noqa: PLC0415

        self._stream = stream
        self._protocol = Protocol(CLIENT, max_size=_MAX_MESSAGE_BYTES, logger=_SILENT)
        self._received = received
        self._read_bytes = 0
        self._parts: list[bytes] = []
        self._messages: list[bytes] = []

    async def send_text(self, text: str) -> None:
        """Send a message; raises OSError."""
        self._protocol.send_text(text.encode())
        await self._flush()

    async def read_message(self) -> bytes:
        """Return the next message, of text or binary; raises OSError, and UnexpectedAnswer where there is none."""
        while not self._messages:
            if self._read_bytes > _MAX_READ_BYTES:
                raise UnexpectedAnswer("more than 1 MiB without the expected message")
            data, self._received = self._received or await self._stream.reader.read(_PIECE_BYTES), b""
            if not data:
                raise UnexpectedAnswer("connection closed without a message")
            self._read_bytes += len(data)
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                self._take_frame(event)
            await self._flush()
            if not self._messages:
                self._check_state()
        await asyncio.sleep(0)  # many messages that are there already must not hold up the loop
        return self._messages.pop(0)

    async def close(self) -> None:
        """Tell the server that the connection ends; raises OSError."""
        from websockets.protocol import OPEN  # noqa: PLC0415

        if self._protocol.state is OPEN:
            self._protocol.send_close(1000)
            await self._flush()

    def _take_frame(self, frame: Any) -> None:
        from websockets.frames import DATA_OPCODES  # noqa: PLC0415

        if frame.opcode not in DATA_OPCODES:
            return
        if frame.data:
            self._parts.append(bytes(frame.data))
        if frame.fin:
            self._messages.append(b"".join(self._parts))
            self._parts.clear()

    def _check_state(self) -> None:
        """Raise UnexpectedAnswer if the connection is closing, or if its data are invalid."""
        from websockets.exceptions import PayloadTooBig  # noqa: PLC0415

        if isinstance(self._protocol.parser_exc, PayloadTooBig):
            raise UnexpectedAnswer("a message is larger than 256 KiB")
        if self._protocol.parser_exc is not None:
            raise UnexpectedAnswer(_NOT_WEBSOCKET)
        if self._protocol.close_rcvd is not None:
            raise UnexpectedAnswer("connection closed without a message")

    async def _flush(self) -> None:
        self._stream.writer.writelines(self._protocol.data_to_send())
        await self._stream.writer.drain()


def _verify_response(head: ResponseHead, key: str) -> None:
    """Raise HTTPException or UnexpectedAnswer if an upgrade is not as RFC 6455, 4.1 demands."""
    from websockets.utils import accept_key  # noqa: PLC0415

    by_name = dict(head.headers)
    options = [option.strip().lower() for option in by_name.get("connection", "").split(",")]
    if by_name.get("upgrade", "").lower() != "websocket" or "upgrade" not in options:
        raise http.client.HTTPException("an upgrade to something else")
    if by_name.get("sec-websocket-accept") != accept_key(key):
        raise UnexpectedAnswer("the response is not to this handshake (Sec-WebSocket-Accept)")
    if {"sec-websocket-extensions", "sec-websocket-protocol"} & by_name.keys():
        raise UnexpectedAnswer("the response has an extension or a protocol that was not asked for")
