"""The metrics that the middleware gives an application, as plain data: the catalogue reads it, a test holds it true."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Declared(NamedTuple):
    """A metric's name, kind, help, label names and base unit."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""


METRICS = (
    Declared(
        "http_requests_total",
        "counter",
        "Requests answered; a WebSocket counts once, with code 101 or the code of its refusal.",
        ("method", "handler", "code", "protocol"),
    ),
    Declared(
        "http_request_duration_seconds",
        "histogram",
        "Time from a request's arrival to the end of its answer.",
        ("method", "handler"),
        "seconds",
    ),
    Declared(
        "http_request_duration_highr_seconds",
        "histogram",
        "The same for all requests together, in finer steps for high percentiles.",
        (),
        "seconds",
    ),
    Declared("http_requests_in_progress", "gauge", "Requests that are being answered.", ("method",)),
    Declared("http_request_size_bytes", "summary", "Size of requests' bodies.", ("handler",), "bytes"),
    Declared("http_response_size_bytes", "summary", "Size of answers' bodies.", ("handler",), "bytes"),
    Declared(
        "http_exceptions_total",
        "counter",
        "Exceptions that the application did not handle, by class.",
        ("type", "handler"),
    ),
    Declared("websocket_connections_active", "gauge", "WebSockets that are open."),
    Declared("websocket_connections_total", "counter", "WebSockets that were accepted."),
    Declared("websocket_messages_total", "counter", "Messages on WebSockets, received and sent.", ("direction",)),
    Declared("websocket_connection_duration_seconds", "histogram", "How long WebSockets were open.", (), "seconds"),
)
