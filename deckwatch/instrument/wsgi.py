"""WSGI middleware that measures HTTP requests (PEP 3333), including streamed responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry

from deckwatch.instrument.labels import protocol_label
from deckwatch.instrument.meters import BUCKETS, FINE_BUCKETS, Meters, Recorder
from deckwatch.instrument.page import wsgi_page
from deckwatch.instrument.reported_exceptions import RequestContext, subscribe_to_frameworks
from deckwatch.instrument.routes import HANDLER
from deckwatch.instrument.trace_context import find_span_trace_id, parse_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Environ = dict[str, Any]
    StartResponse = Callable[..., Callable[[bytes], object]]
    App = Callable[[Environ, StartResponse], Iterable[bytes]]


class WsgiMiddleware:
    """Measures the wrapped application.

    `metrics_path` serves the metrics; without it they are not served (see `wsgi_page`). Flask and Bottle store the
    route in `environ`. For other frameworks the application sets it as `deckwatch.handler`, in Django through a
    middleware with this method:

        def process_view(self, request, *_):
            request.environ["deckwatch.handler"] = request.resolver_match.route
    """

    def __init__(
        self,
        app: App,
        *,
        metrics_path: str | None = None,
        registry: CollectorRegistry = REGISTRY,
        buckets: Sequence[float] = BUCKETS,
        fine_buckets: Sequence[float] = FINE_BUCKETS,
        most_handlers: int = 200,
        handler: Callable[[Environ], str | None] | None = None,
    ) -> None:
        self.app = app
        self._meters = Meters.shared_meters(registry, buckets, fine_buckets, most_handlers)
        self._handler = handler or find_route
        self._metrics_path = metrics_path
        self._page = wsgi_page(registry)
        subscribe_to_frameworks()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request (WSGI)."""
        if self._metrics_path and environ.get("PATH_INFO") == self._metrics_path:
            page: Iterable[bytes] = self._page(environ, start_response)
            return page
        protocol = protocol_label(environ.get("SERVER_PROTOCOL", ""))
        request = Recorder(self._meters, environ["REQUEST_METHOD"], protocol, lambda: self._handler(environ))
        request.received = _content_length(environ)
        if header := environ.get("HTTP_TRACEPARENT"):
            request.trace_id = parse_traceparent(header)

        def start_counted(status: str, *arguments: Any) -> Callable[[bytes], object]:
            request.status = int(status[:3])
            request.trace_id = find_span_trace_id() or request.trace_id  # the span may be this application's
            request.handler_label()
            write = start_response(status, *arguments)

            def write_counted(data: bytes) -> object:
                request.sent += len(data)
                return write(data)

            return write_counted

        try:
            with RequestContext(request):
                body = self.app(environ, start_counted)
        except BaseException as fault:
            request.record_failure(fault)
            raise
        return (_SizedBody if hasattr(body, "__len__") else _Body)(body, request)


class _Body:
    """A response body that counts its bytes and records the request at the end."""

    def __init__(self, body: Iterable[bytes], request: Recorder) -> None:
        self._body = body
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._body:
                self._request.sent += len(chunk)
                yield chunk
        except Exception as fault:
            self._request.record_failure(fault)
            raise

    def close(self) -> None:
        """Close the application's body; servers call this at the end of every request, even a failed one."""
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        except Exception as fault:
            self._request.record_failure(fault)
            raise
        self._request.record_end()


class _SizedBody(_Body):
    """A body of known length, from which servers derive Content-Length."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


def find_route(environ: Environ) -> str | None:
    """Return the template of the route, if the application or its framework stored it."""
    template = environ.get(HANDLER)
    if template is not None:
        return str(template)
    selected = getattr(environ.get("werkzeug.request"), "url_rule", None) or environ.get("bottle.route")
    rule = getattr(selected, "rule", None)
    return None if rule is None else str(rule)


def _content_length(environ: Environ) -> int | None:
    """Return the size of the request body: 0 without a body, None if it is chunked."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit():
        return int(length)
    return None if environ.get("HTTP_TRANSFER_ENCODING") else 0
