"""The ASGI middleware around Starlette, under a real uvicorn; WebSockets and oddities by ASGI's own calls."""

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


async def hello(request):
    return PlainTextResponse("hello " + request.path_params.get("name", ""))


async def echo(request):
    return PlainTextResponse(await request.body())


async def stream(_request):
    async def pieces():
        for _ in range(10):
            await asyncio.sleep(0.01)
            yield b"x" * 1000

    return StreamingResponse(pieces())


async def slow(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ConnectionAbortedError


async def fail(_request):
    raise KeyError("secret text")


async def later(_request):
    return PlainTextResponse("now", background=BackgroundTask(asyncio.sleep, 0.5))


async def chat(websocket):
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())
            await websocket.send_text("and again")


async def closed_door(websocket):
    await websocket.close()


async def broken(websocket):
    await websocket.accept()
    return 1 / 0


class Thing(HTTPEndpoint):
    async def get(self, _request):
        return PlainTextResponse("thing")


def routes():
    return [
        Route("/hello/{name}", hello),
        Route("/echo", echo, methods=["POST"]),
        Route("/stream", stream),
        Route("/slow", slow),
        Route("/fail", fail),
        Route("/later", later),
        Route("/thing", Thing),
        Mount("/api/{version}", routes=[Route("/items/{id}", hello), Mount("/deep", routes=[Route("/{id}", hello)])]),
        Mount("/plain", app=PlainTextResponse("mounted")),
        WebSocketRoute("/chat/{room}", chat),
        WebSocketRoute("/closed", closed_door),
        WebSocketRoute("/broken", broken),
    ]


class Served:
    """An application under uvicorn with a registry of its own."""

    def __init__(self, port, registry):
        self.port = port
        self.registry = registry

    def get(self, path, method="GET", body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            answer = response.status, response.read()
        _soon(lambda: not self.in_progress())  # the last byte is on its way before the request is recorded
        return answer

    def in_progress(self):
        return sum(
            sample.value
            for family in self.registry.collect()
            if family.name == "http_requests_in_progress"
            for sample in family.samples
        )

    def value(self, name, **labels):
        return self.registry.get_sample_value(name, labels)

    def requests(self, handler, code, method="GET", protocol="http/1.1"):
        return self.value("http_requests_total", handler=handler, code=code, method=method, protocol=protocol)


@pytest.fixture
def served():
    registry = CollectorRegistry()
    app = Starlette(routes=routes())
    app.add_middleware(AsgiMiddleware, registry=registry, metrics_path="/metrics")
    with _running(app) as port:
        yield Served(port, registry)


@contextlib.contextmanager
def _running(app):
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


def test_the_declared_metrics_are_those_on_the_page(served):
    served.get("/hello/ann")
    page = served.get("/metrics")[1].decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    families = {name: family for name, family in families.items() if not name.endswith("_created")}
    shown = {}
    for name, family in families.items():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        shown[name + "_total" if family.type == "counter" else name] = (family.type, family.documentation, labels)
    declared = {one.name: (one.kind, one.help, set(one.labels)) for one in METRICS}
    without_series = "http_exceptions_total"  # nothing has failed, and classes of exceptions are not known before
    declared[without_series] = (*declared[without_series][:2], set())
    assert shown == declared


def test_units_are_the_names_ends():
    for one in METRICS:
        assert not one.unit or one.name.endswith("_" + one.unit)


@pytest.mark.parametrize(
    ("path", "handler"),
    [
        ("/hello/ann", "/hello/{name}"),
        ("/thing", "/thing"),
        ("/api/v7/items/12", "/api/{version}/items/{id}"),
        ("/api/v7/deep/12", "/api/{version}/deep/{id}"),
        ("/plain/whatever", "/plain"),
    ],
)
def test_the_handler_is_the_routes_template(served, path, handler):
    assert served.get(path)[0] == 200
    assert served.requests(handler, "200") == 1


def test_an_address_without_a_route_has_no_handler_of_its_own(served):
    for number in range(5):
        served.get(f"/invented/{number}")
    assert served.requests("none", "404") == 5


def test_a_method_that_nobody_knows_is_other(served):
    served.get("/hello/ann", method="BREW")
    assert served.requests("/hello/{name}", "405", method="_OTHER") == 1


def test_sizes_are_those_of_the_bodies(served):
    served.get("/echo", "POST", b"x" * 100_000)
    assert served.value("http_request_size_bytes_sum", handler="/echo") == 100_000
    assert served.value("http_response_size_bytes_sum", handler="/echo") == 100_000


def test_a_streamed_answer_is_timed_to_its_end(served):
    served.get("/stream")
    assert served.value("http_request_duration_seconds_sum", handler="/stream", method="GET") > 0.1
    assert served.value("http_response_size_bytes_sum", handler="/stream") == 10_000


def test_background_tasks_are_no_part_of_the_answer(served):
    served.get("/later")
    assert served.value("http_request_duration_seconds_sum", handler="/later", method="GET") < 0.4


def test_an_exception_is_counted_and_goes_on(served):
    assert served.get("/fail")[0] == 500
    assert served.requests("/fail", "500") == 1
    assert served.value("http_exceptions_total", handler="/fail", type="KeyError") == 1
    assert not served.in_progress()


def test_failures_of_every_route_begin_at_zero(served):
    assert served.requests("/fail", "500") == 0
    assert served.requests("/api/{version}/items/{id}", "500") == 0
    assert served.requests("/echo", "500", method="POST") == 0


def test_a_client_that_goes_away_is_no_fault_of_the_application(served):
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        _soon(lambda: served.value("http_requests_in_progress", method="GET") == 1)
    _soon(lambda: served.requests("/slow", "499") == 1)
    _soon(lambda: not served.in_progress())
    assert served.requests("/slow", "500") == 0


def test_the_protocol_is_told_apart(served):
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(b"GET /thing HTTP/1.0\r\n\r\n")
        while client.recv(1000):
            pass
    _soon(lambda: not served.in_progress())
    assert served.requests("/thing", "200", protocol="http/1.0") == 1


def test_the_page_itself_is_not_counted(served):
    assert b"http_requests_total" in served.get("/metrics")[1]
    assert served.requests("none", "200") is None


def test_a_websocket_is_counted_as_one(served):
    with connect(f"ws://127.0.0.1:{served.port}/chat/7") as chat:
        for _ in range(3):
            chat.send("hi")
            assert [chat.recv(), chat.recv()] == ["hi", "and again"]
        assert served.value("websocket_connections_active") == 1
    _soon(lambda: served.value("websocket_connections_active") == 0)
    assert served.value("websocket_connections_total") == 1
    assert served.value("websocket_messages_total", direction="received") == 3
    assert served.value("websocket_messages_total", direction="sent") == 6
    assert served.value("websocket_connection_duration_seconds_count") == 1
    assert served.requests("/chat/{room}", "101", protocol="websocket") == 1
    # Hours on a WebSocket must not look like a slow answer.
    assert served.value("http_request_duration_highr_seconds_count") == 0


def test_a_refused_websocket_is_a_request_and_no_connection(served):
    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{served.port}/closed"):
        pass
    _soon(lambda: served.requests("/closed", "403", protocol="websocket") == 1)
    assert served.value("websocket_connections_total") == 0


def test_a_websocket_that_fails_is_counted_with_its_exception(served):
    with connect(f"ws://127.0.0.1:{served.port}/broken") as broken, pytest.raises(ConnectionClosed):
        broken.recv()
    _soon(lambda: served.value("http_exceptions_total", type="ZeroDivisionError", handler="/broken") == 1)
    _soon(lambda: served.value("websocket_connections_active") == 0)


def _call(app, scope, incoming=()):
    """Call an ASGI application by hand and return what it sent."""
    messages = iter(incoming or [{"type": "http.request"}])
    sent = []

    async def receive():
        return next(messages, {"type": "http.disconnect"})

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def _scope(**changes):
    return {"type": "http", "method": "GET", "path": "/", "http_version": "1.1", "headers": [], **changes}


async def _plain(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"70")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _file(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"70")]})
    await send({"type": "http.response.pathsend", "path": "/some/file"})


async def _nothing(_scope, _receive, _send):
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
def test_protocols_that_uvicorn_does_not_speak(version, headers, protocol):
    served = Served(0, CollectorRegistry())
    app = AsgiMiddleware(_plain, registry=served.registry)
    _call(app, _scope(http_version=version, headers=headers))
    assert served.requests("none", "200", protocol=protocol) == 1


def test_a_file_that_the_server_sends_has_the_size_that_its_header_says():
    served = Served(0, CollectorRegistry())
    _call(AsgiMiddleware(_file, registry=served.registry), _scope())
    assert served.value("http_response_size_bytes_sum", handler="none") == 70


def test_without_a_path_the_metrics_are_shown_nowhere():
    served = Served(0, CollectorRegistry())
    sent = _call(AsgiMiddleware(_plain, registry=served.registry), _scope(path="/metrics"))
    assert sent[1]["body"] == b"ok"


def test_no_answer_at_all_is_a_failure():
    served = Served(0, CollectorRegistry())
    _call(AsgiMiddleware(_nothing, registry=served.registry), _scope())
    assert served.requests("none", "500") == 1


def test_handlers_are_bounded():
    served = Served(0, CollectorRegistry())
    app = AsgiMiddleware(
        _plain, registry=served.registry, most_handlers=3, handler=lambda scope: scope["path"], metrics_path="/m"
    )
    for number in range(10):
        _call(app, _scope(path=f"/{number}"))
    assert served.requests("_OTHER", "200") == 7
    page = b"".join(message.get("body", b"") for message in _call(app, _scope(path="/m"))).decode()
    handlers = {line.split('handler="')[1].split('"')[0] for line in page.splitlines() if 'handler="' in line}
    assert handlers == {"/0", "/1", "/2", "_OTHER"}


def test_a_router_that_leaves_only_the_endpoint_in_the_scope_is_understood():
    """Starlette did not say which route it chose before version 1."""

    async def forgetful(scope, receive, send):
        await inner(scope, receive, send)
        scope.pop("route", None)

    inner = Starlette(routes=routes()).router
    served = Served(0, CollectorRegistry())
    app = AsgiMiddleware(forgetful, registry=served.registry)
    _call(app, _scope(path="/api/v7/items/12", root_path=""))
    _call(app, _scope(path="/hello/ann", root_path=""))
    assert served.requests("/hello/{name}", "200") == 1
    assert served.requests("/api/{version}/items/{id}", "200") == 1


def test_two_middlewares_share_a_registry_if_they_agree():
    registry = CollectorRegistry()
    AsgiMiddleware(_plain, registry=registry)
    AsgiMiddleware(_plain, registry=registry)
    with pytest.raises(ValueError, match="other buckets"):
        AsgiMiddleware(_plain, registry=registry, buckets=MICROSECOND_BUCKETS)


def test_a_microsecond_can_be_seen():
    served = Served(0, CollectorRegistry())
    app = AsgiMiddleware(_plain, registry=served.registry, buckets=MICROSECOND_BUCKETS)
    _call(app, _scope())
    bucket = {"handler": "none", "method": "GET", "le": "1e-06"}
    assert served.value("http_request_duration_seconds_bucket", **bucket) is not None


def _soon(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
