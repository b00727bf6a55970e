"""The ASGI middleware around Starlette under a real uvicorn; unusual cases through direct ASGI calls."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from deckwatch.instrument import MICROSECOND_BUCKETS, AsgiMiddleware
from deckwatch.instrument.metrics import METRICS


async def say_hello(request):
    return PlainTextResponse("hello " + request.path_params.get("name", ""))


async def echo_body(request):
    return PlainTextResponse(await request.body())


async def stream_chunks(_request):
    async def chunks():
        for _ in range(10):
            await asyncio.sleep(0.01)
            yield b"x" * 1000

    return StreamingResponse(chunks())


async def wait_for_disconnect(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ConnectionAbortedError


async def raise_error(_request):
    raise KeyError("secret text")


async def run_background_task(_request):
    return PlainTextResponse("now", background=BackgroundTask(asyncio.sleep, 0.5))


async def echo_messages(websocket):
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())
            await websocket.send_text("and again")


async def refuse_connection(websocket):
    await websocket.close()


async def fail_after_accept(websocket):
    await websocket.accept()
    return 1 / 0


class Item(HTTPEndpoint):
    async def get(self, _request):
        return PlainTextResponse("item")


def build_routes():
    return [
        Route("/hello/{name}", say_hello),
        Route("/echo", echo_body, methods=["POST"]),
        Route("/stream", stream_chunks),
        Route("/slow", wait_for_disconnect),
        Route("/fail", raise_error),
        Route("/later", run_background_task),
        Route("/item", Item),
        Mount(
            "/api/{version}",
            routes=[Route("/items/{id}", say_hello), Mount("/deep", routes=[Route("/{id}", say_hello)])],
        ),
        Mount("/plain", app=PlainTextResponse("mounted")),
        WebSocketRoute("/chat/{room}", echo_messages),
        WebSocketRoute("/closed", refuse_connection),
        WebSocketRoute("/broken", fail_after_accept),
    ]


class Served:
    """An application under uvicorn, with its own registry."""

    def __init__(self, port, registry):
        self.port = port
        self.registry = registry

    def send_request(self, path, method="GET", body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            result = response.status, response.read()
        _wait_until(lambda: not self.count_in_progress())  # the last byte is sent before the request is recorded
        return result

    def count_in_progress(self):
        return sum(
            sample.value
            for family in self.registry.collect()
            if family.name == "http_requests_in_progress"
            for sample in family.samples
        )

    def sample_value(self, name, **labels):
        return self.registry.get_sample_value(name, labels)

    def count_requests(self, handler, code, method="GET", protocol="http/1.1"):
        return self.sample_value("http_requests_total", handler=handler, code=code, method=method, protocol=protocol)


@pytest.fixture
def served():
    registry = CollectorRegistry()
    app = Starlette(routes=build_routes())
    app.add_middleware(AsgiMiddleware, registry=registry, metrics_path="/metrics")
    with _run_server(app) as port:
        yield Served(port, registry)


@contextlib.contextmanager
def _run_server(app):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def test_the_declared_metrics_match_the_endpoint(served):
    served.send_request("/hello/ann")
    page = served.send_request("/metrics")[1].decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    families = {name: family for name, family in families.items() if not name.endswith("_created")}
    exposed = {}
    for name, family in families.items():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exposed[name + "_total" if family.type == "counter" else name] = (family.type, family.documentation, labels)
    declared = {metric.name: (metric.kind, metric.help, set(metric.labels)) for metric in METRICS}
    without_series = "http_exceptions_total"  # nothing has failed, and exception classes are not known in advance
    declared[without_series] = (*declared[without_series][:2], set())
    assert exposed == declared


def test_names_end_with_the_unit():
    for metric in METRICS:
        assert not metric.unit or metric.name.endswith("_" + metric.unit)


@pytest.mark.parametrize(
    ("path", "handler"),
    [
        ("/hello/ann", "/hello/{name}"),
        ("/item", "/item"),
        ("/api/v7/items/12", "/api/{version}/items/{id}"),
        ("/api/v7/deep/12", "/api/{version}/deep/{id}"),
        ("/plain/whatever", "/plain"),
    ],
)
def test_the_handler_is_the_routes_template(served, path, handler):
    assert served.send_request(path)[0] == 200
    assert served.count_requests(handler, "200") == 1


def test_paths_without_a_route_share_one_handler(served):
    for number in range(5):
        served.send_request(f"/invented/{number}")
    assert served.count_requests("none", "404") == 5


def test_an_unknown_method_is_other(served):
    served.send_request("/hello/ann", method="BREW")
    assert served.count_requests("/hello/{name}", "405", method="_OTHER") == 1


def test_sizes_are_body_sizes(served):
    served.send_request("/echo", "POST", b"x" * 100_000)
    assert served.sample_value("http_request_size_bytes_sum", handler="/echo") == 100_000
    assert served.sample_value("http_response_size_bytes_sum", handler="/echo") == 100_000


def test_a_streamed_response_is_timed_to_its_end(served):
    served.send_request("/stream")
    assert served.sample_value("http_request_duration_seconds_sum", handler="/stream", method="GET") > 0.1
    assert served.sample_value("http_response_size_bytes_sum", handler="/stream") == 10_000


def test_background_tasks_are_not_part_of_the_response(served):
    served.send_request("/later")
    assert served.sample_value("http_request_duration_seconds_sum", handler="/later", method="GET") < 0.4


def test_an_exception_is_counted_and_re_raised(served):
    assert served.send_request("/fail")[0] == 500
    assert served.count_requests("/fail", "500") == 1
    assert served.sample_value("http_exceptions_total", handler="/fail", type="KeyError") == 1
    assert not served.count_in_progress()


def test_failure_counters_of_every_route_start_at_zero(served):
    assert served.count_requests("/fail", "500") == 0
    assert served.count_requests("/api/{version}/items/{id}", "500") == 0
    assert served.count_requests("/echo", "500", method="POST") == 0


def test_a_client_disconnect_is_not_a_failure(served):
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        _wait_until(lambda: served.sample_value("http_requests_in_progress", method="GET") == 1)
    _wait_until(lambda: served.count_requests("/slow", "499") == 1)
    _wait_until(lambda: not served.count_in_progress())
    assert served.count_requests("/slow", "500") == 0


def test_the_protocol_is_a_label(served):
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(b"GET /item HTTP/1.0\r\n\r\n")
        while client.recv(1000):
            pass
    _wait_until(lambda: not served.count_in_progress())
    assert served.count_requests("/item", "200", protocol="http/1.0") == 1


def test_the_metrics_endpoint_is_not_counted(served):
    assert b"http_requests_total" in served.send_request("/metrics")[1]
    assert served.count_requests("none", "200") is None


def test_a_websocket_is_one_request_and_one_connection(served):
    with connect(f"ws://127.0.0.1:{served.port}/chat/7") as chat:
        for _ in range(3):
            chat.send("hi")
            assert [chat.recv(), chat.recv()] == ["hi", "and again"]
        assert served.sample_value("websocket_connections_active") == 1
    _wait_until(lambda: served.sample_value("websocket_connections_active") == 0)
    assert served.sample_value("websocket_connections_total") == 1
    assert served.sample_value("websocket_messages_total", direction="received") == 3
    assert served.sample_value("websocket_messages_total", direction="sent") == 6
    assert served.sample_value("websocket_connection_duration_seconds_count") == 1
    assert served.count_requests("/chat/{room}", "101", protocol="websocket") == 1
    # A long WebSocket must not look like a slow response.
    assert served.sample_value("http_request_duration_highr_seconds_count") == 0
    assert served.sample_value("deckwatch_http_protocol_duration_seconds_count", protocol="websocket") is None


def test_durations_are_summed_by_protocol(served):
    for _ in range(2):
        served.send_request("/hello/world")
    assert served.sample_value("deckwatch_http_protocol_duration_seconds_count", protocol="http/1.1") == 2
    total = served.sample_value("deckwatch_http_protocol_duration_seconds_sum", protocol="http/1.1")
    assert total == pytest.approx(served.sample_value("http_request_duration_highr_seconds_sum"))


def test_a_refused_websocket_is_a_request_but_not_a_connection(served):
    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{served.port}/closed"):
        pass
    _wait_until(lambda: served.count_requests("/closed", "403", protocol="websocket") == 1)
    assert served.sample_value("websocket_connections_total") == 0


def test_a_websocket_that_fails_is_counted_with_its_exception(served):
    with connect(f"ws://127.0.0.1:{served.port}/broken") as broken, pytest.raises(ConnectionClosed):
        broken.recv()
    _wait_until(lambda: served.sample_value("http_exceptions_total", type="ZeroDivisionError", handler="/broken") == 1)
    _wait_until(lambda: served.sample_value("websocket_connections_active") == 0)


def _call_app(app, scope, incoming=()):
    """Call an ASGI application and return the messages it sent."""
    messages = iter(incoming or [{"type": "http.request"}])
    sent = []

    async def receive():
        return next(messages, {"type": "http.disconnect"})

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def _http_scope(**changes):
    return {"type": "http", "method": "GET", "path": "/", "http_version": "1.1", "headers": [], **changes}


async def _respond_ok(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"70")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _send_file(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"70")]})
    await send({"type": "http.response.pathsend", "path": "/some/file"})


async def _respond_nothing(_scope, _receive, _send):
    pass


@pytest.mark.parametrize(
    ("version", "headers", "protocol"),
    [
        ("2", [], "http/2"),
        ("3", [], "http/3"),
        ("2", [(b"content-type", b"application/grpc+proto")], "grpc"),
        ("9", [], "_OTHER"),
    ],
)
def test_protocols_that_uvicorn_does_not_support(version, headers, protocol):
    served = Served(0, CollectorRegistry())
    app = AsgiMiddleware(_respond_ok, registry=served.registry)
    _call_app(app, _http_scope(http_version=version, headers=headers))
    assert served.count_requests("none", "200", protocol=protocol) == 1


def test_the_size_of_a_file_sent_by_the_server_comes_from_its_header():
    served = Served(0, CollectorRegistry())
    _call_app(AsgiMiddleware(_send_file, registry=served.registry), _http_scope())
    assert served.sample_value("http_response_size_bytes_sum", handler="none") == 70


def test_without_a_path_the_metrics_are_not_served():
    served = Served(0, CollectorRegistry())
    sent = _call_app(AsgiMiddleware(_respond_ok, registry=served.registry), _http_scope(path="/metrics"))
    assert sent[1]["body"] == b"ok"


def test_no_response_is_a_failure():
    served = Served(0, CollectorRegistry())
    _call_app(AsgiMiddleware(_respond_nothing, registry=served.registry), _http_scope())
    assert served.count_requests("none", "500") == 1


def test_handlers_are_bounded():
    served = Served(0, CollectorRegistry())
    app = AsgiMiddleware(
        _respond_ok, registry=served.registry, most_handlers=3, handler=lambda scope: scope["path"], metrics_path="/m"
    )
    for number in range(10):
        _call_app(app, _http_scope(path=f"/{number}"))
    assert served.count_requests("_OTHER", "200") == 7
    page = b"".join(message.get("body", b"") for message in _call_app(app, _http_scope(path="/m"))).decode()
    handlers = {line.split('handler="')[1].split('"')[0] for line in page.splitlines() if 'handler="' in line}
    assert handlers == {"/0", "/1", "/2", "_OTHER"}


def test_a_router_that_stores_only_the_endpoint_is_supported():
    """Starlette before version 1 did not store the route."""

    async def without_route(scope, receive, send):
        await inner(scope, receive, send)
        scope.pop("route", None)

    inner = Starlette(routes=build_routes()).router
    served = Served(0, CollectorRegistry())
    app = AsgiMiddleware(without_route, registry=served.registry)
    _call_app(app, _http_scope(path="/api/v7/items/12", root_path=""))
    _call_app(app, _http_scope(path="/hello/ann", root_path=""))
    assert served.count_requests("/hello/{name}", "200") == 1
    assert served.count_requests("/api/{version}/items/{id}", "200") == 1


def test_two_middlewares_share_a_registry_if_they_agree():
    registry = CollectorRegistry()
    AsgiMiddleware(_respond_ok, registry=registry)
    AsgiMiddleware(_respond_ok, registry=registry)
    with pytest.raises(ValueError, match="other buckets"):
        AsgiMiddleware(_respond_ok, registry=registry, buckets=MICROSECOND_BUCKETS)


def test_microsecond_buckets_resolve_one_microsecond():
    served = Served(0, CollectorRegistry())
    app = AsgiMiddleware(_respond_ok, registry=served.registry, buckets=MICROSECOND_BUCKETS)
    _call_app(app, _http_scope())
    bucket = {"handler": "none", "method": "GET", "le": "1e-06"}
    assert served.sample_value("http_request_duration_seconds_bucket", **bucket) is not None


def _wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
