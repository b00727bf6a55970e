"""One unary call of gRPC on an open connection: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch import __version__
from deckwatch.exporter.sources.errors import UnexpectedAnswer
from deckwatch.exporter.sources.http2_exchange import ALPN, Http2Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.sources.dial import Stream
    from deckwatch.exporter.sources.http_exchange import ResponseHead

# By their numbers: https://grpc.io/docs/guides/status-codes/
CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
DEADLINE_EXCEEDED, NOT_FOUND, UNAVAILABLE = (
    CODES.index(name) for name in ("DEADLINE_EXCEEDED", "NOT_FOUND", "UNAVAILABLE")
)

_UNKNOWN = CODES.index("UNKNOWN")
# Of responses without a code of their own, as from a proxy: doc/http-grpc-status-mapping.md.
_CODES_BY_STATUS = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}
_PREFIX_BYTES = 5  # whether the message is compressed, and its length


class Reply(NamedTuple):
    """The code of a call, and the message with its prefix, which `strip_prefix` removes, if the code is OK."""

    code: int
    body: bytes = b""


async def call_method(
    stream: Stream,
    authority: str,
    path: str,
    request: bytes,
    *,
    seconds: float,
    max_bytes: int,
    metadata: Iterable[tuple[str, str]] = (),
) -> Reply:
    """Return the reply to a request, an encoded message; `seconds` is what the server hears, and the caller bounds.

    Raises OSError, HTTPException, and ValueError for metadata that cannot be sent.
    """
    if stream.tls_version and stream.alpn != ALPN:
        raise UnexpectedAnswer("the server does not offer HTTP/2")
    exchange = Http2Exchange(stream)
    headers = {
        "Host": authority,
        "User-Agent": f"deckwatch/{__version__}",
        "Content-Type": "application/grpc",
        "TE": "trailers",
        "grpc-timeout": f"{max(1, round(seconds * 1000))}m",
    }
    head = await exchange.send_request("POST", path, {**dict(metadata), **headers}, add_prefix(request))
    body = bytearray()
    while piece := await exchange.read_piece():
        body += piece
        if len(body) > max_bytes:
            raise UnexpectedAnswer("the answer is too large")
    code = _find_code(head, dict(exchange.trailers))
    return Reply(code) if code else Reply(code, bytes(body))


def add_prefix(message: bytes) -> bytes:
    """Return a message with its prefix: that it is not compressed, and its length."""
    return b"\0" + len(message).to_bytes(4) + message


def strip_prefix(body: bytes) -> bytes:
    """Return the message after its prefix; raises UnexpectedAnswer."""
    message = body[_PREFIX_BYTES:]
    if len(body) < _PREFIX_BYTES or body[0] or len(message) != int.from_bytes(body[1:_PREFIX_BYTES]):
        raise UnexpectedAnswer("the answer is not a gRPC message")
    return message


def _find_code(head: ResponseHead, trailers: dict[str, str]) -> int:
    """Return the code of the call, which is in the head where there is no body; UNKNOWN if it is no number."""
    text = trailers.get("grpc-status", dict(head.headers).get("grpc-status"))
    if text is None:
        return CODES.index(_CODES_BY_STATUS.get(head.status, "UNKNOWN"))
    is_known = text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) < len(CODES)
    return int(text) if is_known else _UNKNOWN
