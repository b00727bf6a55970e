"""The health check that gRPC servers have in common: `Check` of grpc.health.v1.Health.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md. The two messages of the check have one field each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources import grpc_call, protobuf_wire
from deckwatch.exporter.sources.errors import UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.sources.dial import Stream

SERVING = "SERVING"
HEALTH_STATUSES = ("UNKNOWN", SERVING, "NOT_SERVING", "SERVICE_UNKNOWN")  # by their numbers

_PATH = "/grpc.health.v1.Health/Check"
_MAX_BODY_BYTES = 1 << 12
_SERVICE_FIELD = _STATUS_FIELD = 1


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
    request = encode_request(service)
    reply = await grpc_call.call_method(
        stream, authority, _PATH, request, seconds=seconds, max_bytes=_MAX_BODY_BYTES, metadata=metadata
    )
    return HealthAnswer(reply.code) if reply.code else HealthAnswer(reply.code, decode_response(reply.body))


def encode_request(service: str) -> bytes:
    """Return a HealthCheckRequest."""
    return protobuf_wire.encode_bytes(_SERVICE_FIELD, service.encode())


def decode_response(body: bytes) -> str:
    """Return the health in a HealthCheckResponse with its prefix; raises UnexpectedAnswer."""
    fields = protobuf_wire.decode_fields(grpc_call.strip_prefix(body))
    number = protobuf_wire.get_number(fields, _STATUS_FIELD)
    if not 0 <= number < len(HEALTH_STATUSES):
        raise UnexpectedAnswer(f"the answer has the unknown health status {number}")
    return HEALTH_STATUSES[number]
