"""The WSGI middleware under a real wsgiref server, validated against PEP 3333."""

from __future__ import annotations

import contextlib
import http.client
import io
import threading
import time
from types import SimpleNamespace
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.validate import validator

import pytest
from prometheus_client import CollectorRegistry

from deckwatch.instrument import WsgiMiddleware


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise KeyError("secret text")
    if path == "/late":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return _chunks(fail=True)
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return _chunks()
    if path == "/write":
        start_response("200 OK", [("Content-Type", "text/plain")])(b"by hand")
        return []
    if path == "/echo":
        size = int(environ["CONTENT_LENGTH"])
        start_response("201 Created", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read(size)]
    environ["deckwatch.handler"] = "/hello/<name>"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def _chunks(*, fail=False):
    for _ in range(5):
        time.sleep(0.02)
        yield b"x" * 100
    if fail:
        raise BrokenPipeError


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_arguments):
        pass

    def get_stderr(self):
        return io.StringIO()


class Served:
    def __init__(self, port, registry):
        self.port = port
        self.registry = registry

    def send_request(self, path, method="GET", body=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body)
            response = connection.getresponse()
            result = response.status, response.headers, response.read()
        while any(
            sample.value
            for family in self.registry.collect()
            if family.name == "http_requests_in_progress"
            for sample in family.samples
        ):
            time.sleep(0.01)
        return result

    def sample_value(self, name, **labels):
        return self.registry.get_sample_value(name, labels)

    def count_requests(self, handler, code, method="GET", protocol="http/1.1"):
        return self.sample_value("http_requests_total", handler=handler, code=code, method=method, protocol=protocol)


@pytest.fixture
def served():
    registry = CollectorRegistry()
    # One validator checks the application, the other the middleware around it.
    app = validator(WsgiMiddleware(validator(application), registry=registry, metrics_path="/metrics"))
    with WSGIServer(("127.0.0.1", 0), QuietHandler) as server:
        server.set_app(app)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Served(server.server_port, registry)
        server.shutdown()
        thread.join()


def test_a_request_is_counted_with_the_handler_set_by_the_application(served):
    assert served.send_request("/hello/ann")[0] == 200
    assert served.count_requests("/hello/<name>", "200") == 1
    assert served.count_requests("/hello/<name>", "500") == 0
    assert served.sample_value("http_response_size_bytes_sum", handler="/hello/<name>") == 5


def test_sizes_are_body_sizes(served):
    assert served.send_request("/echo", "POST", b"x" * 1000)[0] == 201
    assert served.sample_value("http_request_size_bytes_sum", handler="none") == 1000
    assert served.sample_value("http_response_size_bytes_sum", handler="none") == 1000


def test_a_streamed_response_is_timed_until_it_is_closed(served):
    assert served.send_request("/stream")[2] == b"x" * 500
    assert served.sample_value("http_request_duration_seconds_sum", handler="none", method="GET") > 0.1
    assert served.sample_value("http_response_size_bytes_sum", handler="none") == 500


def test_data_passed_to_write_is_counted(served):
    assert served.send_request("/write")[2] == b"by hand"
    assert served.sample_value("http_response_size_bytes_sum", handler="none") == 7


@pytest.mark.parametrize(("path", "fault"), [("/fail", "KeyError"), ("/late", "BrokenPipeError")])
def test_an_exception_is_counted_and_re_raised(served, path, fault):
    with contextlib.suppress(http.client.IncompleteRead):
        served.send_request(path)
    assert served.count_requests("none", "500") == 1
    assert served.sample_value("http_exceptions_total", handler="none", type=fault) == 1


def test_the_metrics_endpoint_is_served_and_not_counted(served):
    served.send_request("/hello/ann")
    status, _, page = served.send_request("/metrics")
    assert status == 200
    assert b'handler="/hello/<name>"' in page
    assert served.count_requests("none", "200") is None


def _run_request(app, **changes):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1", **changes}
    body = app(environ, lambda _status, _headers: None)
    list(body)
    body.close()


@pytest.mark.parametrize(
    "environ",
    [
        {"werkzeug.request": SimpleNamespace(url_rule=SimpleNamespace(rule="/orders/<int:id>"))},
        {"bottle.route": SimpleNamespace(rule="/orders/<int:id>")},
    ],
)
def test_the_route_is_found_where_frameworks_store_it(environ):
    def framework(request_environ, start_response):
        request_environ |= environ
        start_response("200 OK", [])
        return [b""]

    served = Served(0, CollectorRegistry())
    _run_request(WsgiMiddleware(framework, registry=served.registry))
    assert served.count_requests("/orders/<int:id>", "200") == 1


def test_a_sized_body_keeps_its_length():
    """Servers derive Content-Length from a body of one chunk, but must not for a stream."""
    registry = CollectorRegistry()
    sized = WsgiMiddleware(lambda *_: [b"hello"], registry=registry)({"REQUEST_METHOD": "GET"}, None)
    assert len(sized) == 1
    stream = WsgiMiddleware(lambda *_: _chunks(), registry=registry)({"REQUEST_METHOD": "GET"}, None)
    assert not hasattr(stream, "__len__")


def test_the_size_of_a_chunked_body_is_not_recorded():
    def respond_ok(_environ, start_response):
        start_response("200 OK", [])
        return [b""]

    served = Served(0, CollectorRegistry())
    _run_request(WsgiMiddleware(respond_ok, registry=served.registry), HTTP_TRANSFER_ENCODING="chunked")
    assert served.sample_value("http_request_size_bytes_count", handler="none") is None
    assert served.count_requests("none", "200") == 1
