"""WSGI middleware: counts and times HTTP requests (PEP 3333), streamed answers until they are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry

from deckwatch.instrument.meters import BUCKETS, FINE_BUCKETS, Meters, Recorder, protocol_label
from deckwatch.instrument.page import wsgi_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Environ = dict[str, Any]
    StartResponse = Callable[..., Callable[[bytes], object]]
    App = Callable[[Environ, StartResponse], Iterable[bytes]]

# Where an application may say its route's template, if its framework leaves it nowhere that we know.
HANDLER = "deckwatch.handler"


class WsgiMiddleware:
    """Measures the application inside it.

    `metrics_path` is where the metrics can be read; without it they are shown nowhere (see `wsgi_page`). Flask and
    Bottle leave the route they chose in `environ`. Others say it there themselves, Django by three lines of its own
    middleware, called once the view is known:

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

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request, as WSGI has it."""
        if self._metrics_path and environ.get("PATH_INFO") == self._metrics_path:
            page: Iterable[bytes] = self._page(environ, start_response)
            return page
        protocol = protocol_label(environ.get("SERVER_PROTOCOL", ""))
        request = Recorder(self._meters, environ["REQUEST_METHOD"], protocol, lambda: self._handler(environ))
        request.received = _content_length(environ)

        def start_counted(status: str, *arguments: Any) -> Callable[[bytes], object]:
            request.status = int(status[:3])
            request.handler_label()
            write = start_response(status, *arguments)

            def write_counted(data: bytes) -> object:
                request.sent += len(data)
                return write(data)

            return write_counted

        try:
            body = self.app(environ, start_counted)
        except BaseException as fault:
            request.record_failure(fault)
            raise
        return (_SizedBody if hasattr(body, "__len__") else _Body)(body, request)


class _Body:
    """An answer's body that counts its bytes and, at its end, the request."""

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
        """Close the application's body; a server calls this at the end of every request, whatever happened."""
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        except Exception as fault:
            self._request.record_failure(fault)
            raise
        self._request.record_end()


class _SizedBody(_Body):
    """A body of known length, from which servers conclude Content-Length."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


def find_route(environ: Environ) -> str | None:
    """Return the template of the route that answered, where the application or its framework left it."""
    said = environ.get(HANDLER)
    if said is not None:
        return str(said)
    chosen = getattr(environ.get("werkzeug.request"), "url_rule", None) or environ.get("bottle.route")
    rule = getattr(chosen, "rule", None)
    return None if rule is None else str(rule)


def _content_length(environ: Environ) -> int | None:
    """Return the size of the request's body: 0 without one, None where it comes in chunks."""
    said = environ.get("CONTENT_LENGTH") or ""
    if said.isascii() and said.isdigit():
        return int(said)
    return None if environ.get("HTTP_TRANSFER_ENCODING") else 0
