"""ASGI middleware that measures HTTP requests and WebSockets (https://asgi.readthedocs.io/en/latest/specs/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry

from deckwatch.instrument.labels import protocol_label
from deckwatch.instrument.meters import BUCKETS, FINE_BUCKETS, Meters, Recorder, Socket
from deckwatch.instrument.page import asgi_page
from deckwatch.instrument.reported_exceptions import RequestContext, subscribe_to_frameworks
from deckwatch.instrument.routes import Templates
from deckwatch.instrument.trace_context import find_span_trace_id, parse_traceparent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_CLIENT_GONE = 499  # nginx's code for a client that closed the connection before the response
_REFUSED = 403  # sent when the application closes a WebSocket before accepting it


class AsgiMiddleware:
    """Measures the wrapped application.

    `metrics_path` serves the metrics; without it they are not served (see `asgi_page`). For frameworks other than
    Starlette and FastAPI, `handler` returns the route's template, given the scope after the request; or the application
    sets it in the scope as `deckwatch.handler`, as described for WsgiMiddleware with `request.scope` for `environ`.
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
        handler: Callable[[Scope], str | None] | None = None,
    ) -> None:
        self.app = app
        self._meters = Meters.shared_meters(registry, buckets, fine_buckets, most_handlers)
        self._templates = Templates(app)
        self._handler = handler or self._templates.find_template
        self._metrics_path = metrics_path
        self._page = asgi_page(registry)
        self._started_router: Any = None
        subscribe_to_frameworks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection (ASGI)."""
        if scope["type"] == "http":
            if self._metrics_path and scope["path"].removeprefix(scope.get("root_path", "")) == self._metrics_path:
                await self._page(scope, receive, send)
            else:
                await self._handle_http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._handle_websocket(scope, receive, send)
        else:
            self._start_routes_at_zero(getattr(scope.get("app"), "router", None))
            await self.app(scope, receive, send)

    async def _handle_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Recorder(self._meters, scope["method"], _request_protocol(scope), lambda: self._handler(scope))
        for name, value in scope["headers"]:  # names are in small letters (ASGI)
            if name == b"traceparent":
                request.trace_id = parse_traceparent(value.decode("latin-1"))
        disconnected = False
        headers: Any = ()

        async def receive_counted() -> Message:
            nonlocal disconnected
            message = await receive()
            if message["type"] == "http.request":
                request.received = (request.received or 0) + len(message.get("body", b""))
            elif message["type"] == "http.disconnect":
                disconnected = True
            return message

        async def send_counted(message: Message) -> None:
            nonlocal disconnected, headers
            kind = message["type"]
            if kind == "http.response.start":
                request.status = message["status"]
                request.trace_id = find_span_trace_id() or request.trace_id  # the span may be this application's
                headers = message.get("headers", ())
            try:
                await send(message)
            except OSError:
                disconnected = True
                raise
            if kind == "http.response.body":
                request.sent += len(message.get("body", b""))
                if not message.get("more_body", False):
                    # Now rather than when the application returns: background tasks are not part of the response.
                    request.record_end()
            elif kind == "http.response.pathsend":  # the server sends a file
                request.sent += int(_find_header(headers, b"content-length") or 0)
                request.record_end()

        try:
            with RequestContext(request):
                await self.app(scope, receive_counted, send_counted)
        except Exception as fault:
            if disconnected and not request.done:
                request.record_end(_CLIENT_GONE)
            else:
                request.record_failure(fault)
            raise
        except BaseException:  # cancelled: the client disconnected or the server is stopping
            request.record_end(_CLIENT_GONE)
            raise
        request.record_end(_CLIENT_GONE if disconnected and not request.status else 0)
        if scope.get("router") is not self._started_router or self._started_router is None:
            self._start_routes_at_zero(self._templates.find_router(scope))

    async def _handle_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = Socket(self._meters, lambda: self._handler(scope))
        disconnected = False

        async def receive_counted() -> Message:
            nonlocal disconnected
            message = await receive()
            if message["type"] == "websocket.receive":
                self._meters.received.inc()
            elif message["type"] == "websocket.disconnect":
                disconnected = True
            return message

        async def send_counted(message: Message) -> None:
            await send(message)
            kind = message["type"]
            if kind == "websocket.send":
                self._meters.sent.inc()
            elif kind == "websocket.accept":
                socket.record_open()
            elif kind == "websocket.close":
                socket.record_handshake(_REFUSED)
            elif kind == "websocket.http.response.start":
                socket.record_handshake(message["status"])

        try:
            await self.app(scope, receive_counted, send_counted)
        except Exception as fault:
            if not disconnected:
                socket.record_failure(fault)
            raise
        finally:
            socket.record_close(_CLIENT_GONE if disconnected else 500)

    def _start_routes_at_zero(self, router: Any) -> None:
        """Start the failure counter of every route at zero, once per router."""
        if router is None or router is self._started_router:
            return
        self._started_router = router
        for method, template in self._templates.list_templates(router):
            self._meters.start_at_zero(method, self._meters.handler_label(template), "http/1.1")


def _request_protocol(scope: Scope) -> str:
    version = scope.get("http_version", "1.1")
    if version == "2" and (_find_header(scope["headers"], b"content-type") or b"").startswith(b"application/grpc"):
        return "grpc"
    return protocol_label(version)


def _find_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    return next((value for key, value in headers if key.lower() == name), None)
