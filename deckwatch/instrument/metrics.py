"""Declarations of the middleware's metrics, read by the catalogue; a test compares them with the endpoint."""

from __future__ import annotations

from typing import Literal, NamedTuple


class MetricDeclaration(NamedTuple):
    """A metric's name, kind, help, label names and base unit."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""


METRICS = (
    MetricDeclaration(
        "http_requests_total",
        "counter",
        "Requests answered; a WebSocket counts once, with code 101 or the code of its refusal.",
        ("method", "handler", "code", "protocol"),
    ),
    MetricDeclaration(
        "http_request_duration_seconds",
        "histogram",
        "Time from a request's arrival to the end of its answer.",
        ("method", "handler"),
        "seconds",
    ),
    MetricDeclaration(
        "http_request_duration_highr_seconds",
        "histogram",
        "The same for all requests together, in finer steps for high percentiles.",
        (),
        "seconds",
    ),
    MetricDeclaration("http_requests_in_progress", "gauge", "Requests that are being answered.", ("method",)),
    MetricDeclaration("http_request_size_bytes", "summary", "Size of requests' bodies.", ("handler",), "bytes"),
    MetricDeclaration("http_response_size_bytes", "summary", "Size of answers' bodies.", ("handler",), "bytes"),
    MetricDeclaration(
        "http_exceptions_total",
        "counter",
        "Exceptions that the application did not handle, by class.",
        ("type", "handler"),
    ),
    MetricDeclaration("websocket_connections_active", "gauge", "WebSockets that are open."),
    MetricDeclaration("websocket_connections_total", "counter", "WebSockets that were accepted."),
    MetricDeclaration(
        "websocket_messages_total", "counter", "Messages on WebSockets, received and sent.", ("direction",)
    ),
    MetricDeclaration(
        "websocket_connection_duration_seconds", "histogram", "How long WebSockets were open.", (), "seconds"
    ),
)
