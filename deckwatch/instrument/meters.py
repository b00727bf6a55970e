"""The metrics of both middlewares, with bounds on the number of their series."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from deckwatch.instrument import live_gauges
from deckwatch.instrument.labels import NO_HANDLER, OTHER, code_label, method_label
from deckwatch.instrument.metrics import METRICS, MetricDeclaration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FINE_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75),
    *(1.0, 1.5, 2.5, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0),
)
MICROSECOND_BUCKETS = (1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.1, 1.0)
_WEBSOCKET_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)

_MAX_EXCEPTIONS = 50


class Meters:
    """The metrics of one registry, which several middlewares can share through `shared_meters`."""

    _by_registry: ClassVar[weakref.WeakKeyDictionary[CollectorRegistry, Meters]] = weakref.WeakKeyDictionary()

    def __init__(
        self,
        registry: CollectorRegistry,
        buckets: Sequence[float],
        fine_buckets: Sequence[float],
        most_handlers: int,
    ) -> None:
        self.settings = (tuple(buckets), tuple(fine_buckets), most_handlers)
        steps = {
            "http_request_duration_seconds": buckets,
            "http_request_duration_highr_seconds": fine_buckets,
            "websocket_connection_duration_seconds": _WEBSOCKET_BUCKETS,
        }
        live_gauges.remove_own_orphans()
        metrics = {metric.name: _create_metric(metric, registry, steps.get(metric.name)) for metric in METRICS}
        self.requests = Children(metrics["http_requests_total"])
        self.duration = Children(metrics["http_request_duration_seconds"])
        self.fine_duration: Histogram = metrics["http_request_duration_highr_seconds"]
        self.protocol_duration = Children(metrics["deckwatch_http_protocol_duration_seconds"])
        self.in_progress = Children(metrics["http_requests_in_progress"])
        self.request_size = Children(metrics["http_request_size_bytes"])
        self.response_size = Children(metrics["http_response_size_bytes"])
        self.exceptions = Children(metrics["http_exceptions_total"])
        self.sockets_active: Gauge = metrics["websocket_connections_active"]
        self.sockets: Counter = metrics["websocket_connections_total"]
        self.socket_duration: Histogram = metrics["websocket_connection_duration_seconds"]
        messages = Children(metrics["websocket_messages_total"])
        self.received, self.sent = messages("received"), messages("sent")
        self._routes: dict[tuple[str, str, str], RouteMeters] = {}
        self._handlers: set[str] = {NO_HANDLER}
        self._exceptions: set[str] = set()
        self._most_handlers = most_handlers

    @classmethod
    def shared_meters(
        cls,
        registry: CollectorRegistry,
        buckets: Sequence[float],
        fine_buckets: Sequence[float],
        most_handlers: int,
    ) -> Meters:
        """Return the meters of a registry. Raises ValueError if they exist with other settings."""
        meters = cls._by_registry.get(registry)
        if meters is None:
            meters = cls._by_registry[registry] = cls(registry, buckets, fine_buckets, most_handlers)
        if meters.settings != (tuple(buckets), tuple(fine_buckets), most_handlers):
            raise ValueError("the registry has these metrics already, with other buckets or another bound")
        return meters

    def handler_label(self, template: str | None) -> str:
        """Return the `handler` label: the route's template, or `_OTHER` beyond the bound."""
        if not template:
            return NO_HANDLER
        if template in self._handlers:
            return template
        if len(self._handlers) > self._most_handlers:
            return OTHER
        self._handlers.add(template)
        return template

    def route_meters(self, method: str, handler: str, protocol: str) -> RouteMeters:
        """Return the metrics of requests with these labels."""
        key = (method, handler, protocol)
        meters = self._routes.get(key)
        if meters is None:
            meters = self._routes[key] = RouteMeters(self, *key)
        return meters

    def start_at_zero(self, method: str, handler: str, protocol: str) -> None:
        """Create the failure series at zero, so that the first failure is seen as an increase."""
        self.requests(method, handler, "500", protocol)

    def count_exception(self, fault: BaseException, handler: str) -> None:
        """Count an exception that the application did not handle."""
        name = type(fault).__name__
        if name not in self._exceptions:
            if len(self._exceptions) >= _MAX_EXCEPTIONS:
                name = OTHER
            self._exceptions.add(name)
        self.exceptions(name, handler).inc()


class Children:
    """The children of a metric by label values, looked up without the metric's lock."""

    __slots__ = ("_children", "_metric")

    def __init__(self, metric: Any) -> None:
        self._metric = metric
        self._children: dict[tuple[str, ...], Any] = {}

    def __call__(self, *labels: str) -> Any:
        """Return the child with these label values, created on first use."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child


class RouteMeters:
    """The children that a request with these labels changes, so that it looks up one object instead of each child."""

    __slots__ = ("_counters", "_labels", "_meters", "duration", "response_size")

    def __init__(self, meters: Meters, method: str, handler: str, protocol: str) -> None:
        meters.start_at_zero(method, handler, protocol)
        self._meters = meters
        self._labels = (method, handler, protocol)
        self._counters: dict[int, Any] = {}  # of requests, by status
        self.duration = meters.duration(method, handler)
        self.response_size = meters.response_size(handler)

    def count_request(self, status: int) -> None:
        """Count a request with the status of its response, 0 if there was none."""
        counter = self._counters.get(status)
        if counter is None:
            method, handler, protocol = self._labels
            counter = self._meters.requests(method, handler, code := code_label(status), protocol)
            if code != OTHER:  # whose statuses are unbounded
                self._counters[status] = counter
        counter.inc()


class Recorder:
    """One request, from its arrival to `record_end`. `handler` returns the route's template after routing.

    Some frameworks drop the route before the response ends: call `handler_label` earlier to keep it.
    """

    __slots__ = (
        "_fault",
        "_handler",
        "_in_progress",
        "_meters",
        "_started",
        "_template",
        "done",
        "method",
        "protocol",
        "received",
        "sent",
        "status",
        "trace_id",
    )

    def __init__(self, meters: Meters, method: str, protocol: str, handler: Callable[[], str | None]) -> None:
        self._meters = meters
        self._handler = handler
        self._template: str | None = None
        self._fault: type[BaseException] | None = None  # the class of the exception that was counted
        self.done = False
        self.method = method_label(method)
        self.protocol = protocol
        self.status = 0
        self.trace_id = ""  # of the trace that the response belongs to, for exemplars and log lines
        self.received: int | None = 0  # None if unknown
        self.sent = 0
        self._in_progress = meters.in_progress(self.method)
        self._in_progress.inc()
        self._started = time.perf_counter()

    def handler_label(self) -> str:
        """Return the `handler` label, and keep it once it is known."""
        if self._template is None:
            self._template = self._handler()
        return self._meters.handler_label(self._template)

    def record_end(self, status: int = 0) -> None:
        """Record the request, once; `status` overrides the one that was sent."""
        if self.done:
            return
        self.done = True
        seconds = time.perf_counter() - self._started
        meters, handler = self._meters, self.handler_label()
        route = meters.route_meters(self.method, handler, self.protocol)
        route.count_request(status or self.status)
        exemplar = {"trace_id": self.trace_id} if self.trace_id else None
        route.duration.observe(seconds, exemplar)
        meters.fine_duration.observe(seconds, exemplar)
        meters.protocol_duration(self.protocol).observe(seconds)
        if self.received is not None:
            meters.request_size(handler).observe(self.received)
        route.response_size.observe(self.sent)
        self._in_progress.dec()

    def count_exception(self, fault: BaseException) -> None:
        """Count an exception, once if the framework reports it and raises it as well."""
        if self._fault is not type(fault):
            self._fault = type(fault)
            self._meters.count_exception(fault, self.handler_label())

    def record_failure(self, fault: BaseException) -> None:
        """Record the request as failed with an exception that the caller re-raises."""
        self.count_exception(fault)
        self.record_end(500)


class Socket:
    """One WebSocket: its handshake, which counts as a request, and its duration."""

    __slots__ = ("_answered", "_handler", "_meters", "_opened")

    def __init__(self, meters: Meters, handler: Callable[[], str | None]) -> None:
        self._meters = meters
        self._handler = handler
        self._answered = False
        self._opened = 0.0

    def record_handshake(self, status: int) -> None:
        """Record the result of the handshake, once."""
        if self._answered:
            return
        self._answered = True
        handler = self._meters.handler_label(self._handler())
        self._meters.start_at_zero("GET", handler, "websocket")
        self._meters.requests("GET", handler, code_label(status), "websocket").inc()

    def record_open(self) -> None:
        """Record that the application accepted the connection."""
        self._opened = time.perf_counter()
        self.record_handshake(101)
        self._meters.sockets.inc()
        self._meters.sockets_active.inc()

    def record_failure(self, fault: BaseException) -> None:
        """Record an exception that the caller re-raises."""
        self._meters.count_exception(fault, self._meters.handler_label(self._handler()))
        self.record_handshake(500)

    def record_close(self, status: int) -> None:
        """Record the end; `status` applies if the handshake was not answered."""
        self.record_handshake(status)
        if self._opened:
            self._meters.sockets_active.dec()
            self._meters.socket_duration.observe(time.perf_counter() - self._opened)


def _create_metric(declared: MetricDeclaration, registry: CollectorRegistry, buckets: Sequence[float] | None) -> Any:
    name, kind, text, labels, _ = declared
    if kind == "counter":
        return Counter(name, text, labels, registry=registry)
    if kind == "summary":
        return Summary(name, text, labels, registry=registry)
    if kind == "gauge":
        # With several processes (gunicorn workers), add the values of the live ones.
        return Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum")
    if buckets is None:
        raise ValueError(f"no buckets for the histogram {name}")
    return Histogram(name, text, labels, registry=registry, buckets=tuple(buckets))
