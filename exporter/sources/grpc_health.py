"""The health check that gRPC servers have in common: `Check` of grpc.health.v1.Health, over HTTP/2.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md and doc/PROTOCOL-HTTP2.md. The two messages of the
check have one field each, so they are written and read here, by https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch import __version__
from deckwatch.exporter.sources.errors import UnexpectedAnswer
from deckwatch.exporter.sources.http2_exchange import ALPN, Http2Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.sources.dial import Stream
    from deckwatch.exporter.sources.http_exchange import ResponseHead

SERVING = "SERVING"
HEALTH_STATUSES = ("UNKNOWN", SERVING, "NOT_SERVING", "SERVICE_UNKNOWN")  # by their numbers
# By their numbers: https://grpc.io/docs/guides/status-codes/
CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
DEADLINE_EXCEEDED, UNAVAILABLE = CODES.index("DEADLINE_EXCEEDED"), CODES.index("UNAVAILABLE")

_PATH = "/grpc.health.v1.Health/Check"
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
_MAX_BODY_BYTES = 1 << 12
_MAX_VARINT_BYTES = 10
_STATUS_FIELD = 1
_FIXED_BYTES = {1: 8, 5: 4}  # by wire type


class HealthAnswer(NamedTuple):
    """The code of the call, and the health if it is OK, one of HEALTH_STATUSES."""

    code: int
    health: str = ""


async def check_health(
    stream: Stream, authority: str, service: str, seconds: float, metadata: Iterable[tuple[str, str]] = ()
) -> HealthAnswer:
    """Return the health of a service, of the whole server if it is ''.

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
    head = await exchange.send_request("POST", _PATH, {**dict(metadata), **headers}, encode_request(service))
    body = b""
    while piece := await exchange.read_piece():
        body += piece
        if len(body) > _MAX_BODY_BYTES:
            raise UnexpectedAnswer("the answer is too large for a health check")
    code = _find_code(head, dict(exchange.trailers))
    return HealthAnswer(code) if code else HealthAnswer(code, decode_response(body))


def encode_request(service: str) -> bytes:
    """Return a HealthCheckRequest with its prefix: the message is not compressed, and its length."""
    name = service.encode()
    message = b"\x0a" + _encode_varint(len(name)) + name if name else b""
    return b"\0" + len(message).to_bytes(4) + message


def decode_response(body: bytes) -> str:
    """Return the health in a HealthCheckResponse with its prefix; raises UnexpectedAnswer."""
    message, number = body[_PREFIX_BYTES:], 0
    if len(body) < _PREFIX_BYTES or body[0] or len(message) != int.from_bytes(body[1:_PREFIX_BYTES]):
        raise UnexpectedAnswer("the answer is no message of gRPC")
    position = 0
    while position < len(message):
        tag, position = _decode_varint(message, position)
        field, wire_type = divmod(tag, 8)
        if wire_type in _FIXED_BYTES:
            position += _FIXED_BYTES[wire_type]
            continue
        value, position = _decode_varint(message, position)
        if wire_type == 2:  # text or a message, of this length
            position += value
        elif wire_type:
            raise UnexpectedAnswer("the answer is no health check")
        elif field == _STATUS_FIELD:
            number = value
    if position > len(message) or number >= len(HEALTH_STATUSES):
        raise UnexpectedAnswer("the answer is no health check")
    return HEALTH_STATUSES[number]


def _find_code(head: ResponseHead, trailers: dict[str, str]) -> int:
    """Return the code of the call, which is in the head where there is no body; UNKNOWN if it is no number."""
    text = trailers.get("grpc-status", dict(head.headers).get("grpc-status"))
    if text is None:
        return CODES.index(_CODES_BY_STATUS.get(head.status, "UNKNOWN"))
    is_known = text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) < len(CODES)
    return int(text) if is_known else _UNKNOWN


def _encode_varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _decode_varint(message: bytes, position: int) -> tuple[int, int]:
    """Return a number and the position after it; raises UnexpectedAnswer."""
    number = 0
    for index, byte in enumerate(message[position : position + _MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, position + index + 1
    raise UnexpectedAnswer("the answer is no health check")
