"""The counters and histograms behind both middlewares, and what keeps the number of their series bounded."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

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

NO_HANDLER = "none"  # no route matched: a wrong address, which anybody can invent in any number
OTHER = "_OTHER"  # past a bound, or not a word of the protocol; the word is OpenTelemetry's
_MAX_EXCEPTIONS = 50

# RFC 9110 section 9 and RFC 5789; anything else a client sends is its own invention.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


class Meters:
    """The metrics of one registry. `of` gives the registry's own, so that several middlewares can share them."""

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
        made = {one.name: _create_metric(one, registry, steps.get(one.name)) for one in METRICS}
        self.requests = Children(made["http_requests_total"])
        self.duration = Children(made["http_request_duration_seconds"])
        self.fine_duration: Histogram = made["http_request_duration_highr_seconds"]
        self.in_progress = Children(made["http_requests_in_progress"])
        self.request_size = Children(made["http_request_size_bytes"])
        self.response_size = Children(made["http_response_size_bytes"])
        self.exceptions = Children(made["http_exceptions_total"])
        self.sockets_active: Gauge = made["websocket_connections_active"]
        self.sockets: Counter = made["websocket_connections_total"]
        self.socket_duration: Histogram = made["websocket_connection_duration_seconds"]
        messages = Children(made["websocket_messages_total"])
        self.received, self.sent = messages("received"), messages("sent")
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
        """Return the registry's meters. Raises ValueError where they exist with other settings."""
        found = cls._by_registry.get(registry)
        if found is None:
            found = cls._by_registry[registry] = cls(registry, buckets, fine_buckets, most_handlers)
        if found.settings != (tuple(buckets), tuple(fine_buckets), most_handlers):
            raise ValueError("the registry has these metrics already, with other buckets or another bound")
        return found

    def handler_label(self, template: str | None) -> str:
        """Return a handler's label: the route's template, while there are not too many of them."""
        if not template:
            return NO_HANDLER
        if template in self._handlers:
            return template
        if len(self._handlers) > self._most_handlers:
            return OTHER
        self._handlers.add(template)
        return template

    def start_at_zero(self, method: str, handler: str, protocol: str) -> None:
        """Count from zero: the first failure is seen as a rise only if the series was there before it."""
        self.requests(method, handler, "500", protocol)

    def count_exception(self, fault: BaseException, handler: str) -> None:
        """Count an exception that the application let out."""
        name = type(fault).__name__
        if name not in self._exceptions:
            if len(self._exceptions) >= _MAX_EXCEPTIONS:
                name = OTHER
            self._exceptions.add(name)
        self.exceptions(name, handler).inc()


class Children:
    """A metric's children by label values, looked up without the metric's lock."""

    __slots__ = ("_children", "_metric")

    def __init__(self, metric: Any) -> None:
        self._metric = metric
        self._children: dict[tuple[str, ...], Any] = {}

    def __call__(self, *labels: str) -> Any:
        """Return the child with these label values, made at the first call."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child


class Recorder:
    """One request, from its arrival to `finish`. `handler` gives the route's template once routing is done.

    Frameworks that tidy up behind them forget the route before the answer's end: `routed` asks for it earlier.
    """

    __slots__ = (
        "_handler",
        "_meters",
        "_started",
        "_template",
        "done",
        "method",
        "protocol",
        "received",
        "sent",
        "status",
    )

    def __init__(self, meters: Meters, method: str, protocol: str, handler: Callable[[], str | None]) -> None:
        self._meters = meters
        self._handler = handler
        self._template: str | None = None
        self.done = False
        self.method = method_label(method)
        self.protocol = protocol
        self.status = 0
        self.received: int | None = 0  # None where the server does not tell
        self.sent = 0
        meters.in_progress(self.method).inc()
        self._started = time.perf_counter()

    def handler_label(self) -> str:
        """Return the handler's label, and keep it once there is one."""
        if self._template is None:
            self._template = self._handler()
        return self._meters.handler_label(self._template)

    def record_end(self, status: int = 0) -> None:
        """Record the request, once; `status` stands in for the one that was sent."""
        if self.done:
            return
        self.done = True
        seconds = time.perf_counter() - self._started
        meters, method = self._meters, self.method
        handler = self.handler_label()
        meters.start_at_zero(method, handler, self.protocol)
        meters.requests(method, handler, code_label(status or self.status), self.protocol).inc()
        meters.duration(method, handler).observe(seconds)
        meters.fine_duration.observe(seconds)
        if self.received is not None:
            meters.request_size(handler).observe(self.received)
        meters.response_size(handler).observe(self.sent)
        meters.in_progress(method).dec()

    def record_failure(self, fault: BaseException) -> None:
        """Record the request as failed by an exception that will be raised again."""
        self._meters.count_exception(fault, self.handler_label())
        self.record_end(500)


class Socket:
    """One WebSocket: its handshake, which counts as a request, and then how long it is open."""

    __slots__ = ("_answered", "_handler", "_meters", "_opened")

    def __init__(self, meters: Meters, handler: Callable[[], str | None]) -> None:
        self._meters = meters
        self._handler = handler
        self._answered = False
        self._opened = 0.0

    def record_handshake(self, status: int) -> None:
        """Record how the handshake ended, once."""
        if self._answered:
            return
        self._answered = True
        handler = self._meters.handler_label(self._handler())
        self._meters.start_at_zero("GET", handler, "websocket")
        self._meters.requests("GET", handler, code_label(status), "websocket").inc()

    def record_open(self) -> None:
        """Record that the application accepted."""
        self._opened = time.perf_counter()
        self.record_handshake(101)
        self._meters.sockets.inc()
        self._meters.sockets_active.inc()

    def record_failure(self, fault: BaseException) -> None:
        """Record an exception that will be raised again."""
        self._meters.count_exception(fault, self._meters.handler_label(self._handler()))
        self.record_handshake(500)

    def record_close(self, status: int) -> None:
        """Record the end; `status` is for a handshake that nobody answered."""
        self.record_handshake(status)
        if self._opened:
            self._meters.sockets_active.dec()
            self._meters.socket_duration.observe(time.perf_counter() - self._opened)


def method_label(method: str) -> str:
    """Return a request's method, or `_OTHER` for what is none."""
    return method if method in _METHODS else OTHER


def code_label(status: int) -> str:
    """Return a status code as a label; an application that answered nothing has failed."""
    if not status:
        return "500"
    return str(status) if 100 <= status <= 599 else OTHER


def protocol_label(version: str) -> str:
    """Return the protocol's label for an HTTP version as ASGI and WSGI servers write it (`1.1`, `2`, `HTTP/2`)."""
    return _PROTOCOLS.get(version.upper().removeprefix("HTTP/"), OTHER)


_PROTOCOLS = {"1.0": "http/1.0", "1.1": "http/1.1", "2": "http/2", "2.0": "http/2", "3": "http/3", "3.0": "http/3"}


def _create_metric(declared: MetricDeclaration, registry: CollectorRegistry, buckets: Sequence[float] | None) -> Any:
    name, kind, text, labels, _ = declared
    if kind == "counter":
        return Counter(name, text, labels, registry=registry)
    if kind == "summary":
        return Summary(name, text, labels, registry=registry)
    if kind == "gauge":
        # Where several processes answer (gunicorn's workers), what is under way is the sum of the living ones.
        return Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum")
    if buckets is None:
        raise ValueError(f"no buckets for the histogram {name}")
    return Histogram(name, text, labels, registry=registry, buckets=tuple(buckets))
