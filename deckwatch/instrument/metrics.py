"""Declarations of the middleware's metrics, from which the meters are created and which the catalogue reads."""

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
        "HTTP requests; a WebSocket counts once, with code 101 or the code of its rejection.",
        ("method", "handler", "code", "protocol"),
    ),
    MetricDeclaration(
        "http_request_duration_seconds",
        "histogram",
        "Time from the arrival of a request to the end of its response.",
        ("method", "handler"),
        "seconds",
    ),
    MetricDeclaration(
        "http_request_duration_highr_seconds",
        "histogram",
        "Duration of requests of all handlers together, in finer buckets for high percentiles.",
        (),
        "seconds",
    ),
    MetricDeclaration(
        "deckwatch_http_protocol_duration_seconds",
        "summary",
        "Duration of requests by protocol, without WebSockets.",
        ("protocol",),
        "seconds",
    ),
    MetricDeclaration("http_requests_in_progress", "gauge", "Requests in progress.", ("method",)),
    MetricDeclaration("http_request_size_bytes", "summary", "Size of request bodies.", ("handler",), "bytes"),
    MetricDeclaration("http_response_size_bytes", "summary", "Size of response bodies.", ("handler",), "bytes"),
    MetricDeclaration(
        "http_exceptions_total",
        "counter",
        "Unhandled exceptions, by class.",
        ("type", "handler"),
    ),
    MetricDeclaration("websocket_connections_active", "gauge", "Open WebSockets."),
    MetricDeclaration("websocket_connections_total", "counter", "Accepted WebSockets."),
    MetricDeclaration("websocket_messages_total", "counter", "WebSocket messages, received or sent.", ("direction",)),
    MetricDeclaration(
        "websocket_connection_duration_seconds",
        "histogram",
        "Time from the acceptance of a WebSocket to its end.",
        (),
        "seconds",
    ),
)
