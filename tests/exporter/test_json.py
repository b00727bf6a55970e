"""Documents of `watch: json:` from a real HTTP server: values, and everything that an endpoint can do wrong."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deckwatch.core import plugins, project
from deckwatch.exporter import page as status_page
from deckwatch.exporter.sources import json_document
from deckwatch.exporter.sources.source_failures import MalformedDocument
from deckwatch.provisioning import metric_catalog

STATS = {
    "requests": 12,
    "healthy": True,
    "started": "2026-01-31T12:00:00Z",
    "text": "many",
    "size": "17",
    "nothing": None,
    "pools": [{"name": "main", "active": 3, "idle": 4}, {"name": "jobs", "active": 0, "idle": 1}],
    "twins": [{"name": "a", "size": 1}, {"name": "a", "size": 2}],
    "protocols": {"http1": {"open": 5}, "http2": {"open": 7}},
    "empty": [],
}


class Server(ThreadingHTTPServer):
    """A server whose answers are functions of the request's handler, by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {"/stats": lambda handler: handler.send(json.dumps(STATS).encode())}
        self.requests: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that has closed the connection."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        self.server.answers[self.path](self)

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_endless(self, piece: bytes, pause: float = 0.0) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(piece)
                time.sleep(pause)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def block(url: str, metrics: str, more: str = "", name: str = "d") -> str:
    return f"    - {{name: {name}, url: '{url}', interval: 1s, metrics: {metrics}{more}}}\n"


def test_values_become_series(server, watch_sources):
    metrics = """{
      shop_requests_total: {kind: counter, value: requests, help: Requests., static_labels: {shop: berlin}},
      shop_healthy: {value: healthy},
      shop_start_timestamp_seconds: {value: started, format: time},
      shop_size: {value: to_number(size)},
      db_pool_connections:
        {each: pools, labels: {pool: name}, values: {active: active, idle: idle}, value_label: state},
      db_pool_size: {each: pools, labels: {pool: name}, value: 'sum([active, idle])'},
      http_connections: {each: protocols, key_label: protocol, value: open},
      shop_pools: {value: length(pools)}}"""
    watched = watch_sources("  json:\n" + block(f"{server.url}/stats", metrics))
    page = watched.settled()
    assert not watched.errors()
    assert page == {
        'deckwatch_json_document_bytes{document="d"}': len(json.dumps(STATS)),
        'shop_requests_total{shop="berlin"}': 12,
        "shop_healthy": 1,
        "shop_start_timestamp_seconds": 1769860800,
        "shop_size": 17,
        'db_pool_connections{pool="main",state="active"}': 3,
        'db_pool_connections{pool="main",state="idle"}': 4,
        'db_pool_connections{pool="jobs",state="active"}': 0,
        'db_pool_connections{pool="jobs",state="idle"}': 1,
        'db_pool_size{pool="main"}': 7,
        'db_pool_size{pool="jobs"}': 1,
        'http_connections{protocol="http1"}': 5,
        'http_connections{protocol="http2"}': 7,
        "shop_pools": 2,
    }
    assert "# HELP shop_requests_total Requests.\n# TYPE shop_requests_total counter\n" in watched.text


@pytest.mark.parametrize(
    "case",
    [
        ("{v: {value: text}}", "NotANumber", "v: text is text; expected a number"),
        ("{v: {value: missing}}", "NotANumber", "v: missing is nothing (NULL)"),
        ("{v: {value: nothing}}", "NotANumber", "v: nothing is nothing"),
        ("{v: {value: pools}}", "NotANumber", "v: pools is a list"),
        ("{v: {value: text, format: time}}", "NotANumber", "is not a time such as 2026-01-31T12:00:00Z"),
        ("{v: {each: missing, value: a}}", "PathNotFound", "each is missing, which finds nothing; expected a list"),
        ("{v: {each: text, value: a}}", "PathNotFound", "expected a list or a mapping"),
        ("{v: {each: pools, key_label: pool, value: size}}", "PathNotFound", "expected a mapping, for key_label"),
        ("{v: {each: twins, labels: {pool: name}, value: size}}", "DuplicateLabels", '{pool="a"} of v'),
        ("{v: {each: twins, labels: {pool: '@'}, value: size}}", "UnsuitableLabel", "item 0: pool is a mapping"),
        ("{v: {value: length(requests)}}", "PathNotFound", "length(requests)"),
        (
            "{v: {each: pools, labels: {pool: name}, value: active}}, max_series: 1",
            "TooManySeries",
            "more than 1 series",
        ),
    ],
)
def test_a_document_that_does_not_fit_fails_alone(server, watch_sources, caplog, case):
    metrics, error, reason = case
    server.answers["/good"] = server.answers["/stats"]
    good = block(f"{server.url}/good", "{shop_requests: {value: requests}}", name="good")
    watched = watch_sources("  json:\n" + block(f"{server.url}/stats", metrics) + good)
    assert watched.settled()["shop_requests"] == 12
    assert watched.errors() == {"d": error}
    assert reason in caplog.text
    assert error in status_page.render_index(watched.scraper)


@pytest.mark.parametrize(
    "case",
    [
        (lambda handler: handler.send(b"{"), "MalformedDocument", "not JSON"),
        (lambda handler: handler.send(b""), "MalformedDocument", "line 1 column 1"),
        (lambda handler: handler.send(b"<html>"), "MalformedDocument", "not JSON"),
        (lambda handler: handler.send(b"\xff\xfe{"), "MalformedDocument", "not"),
        (lambda handler: handler.send(b'{"requests": NaN}'), "MalformedDocument", "NaN"),
        (lambda handler: handler.send(b"[" * 200_000), "MalformedDocument", "nested too deep"),
        (lambda handler: handler.send(b"[1]"), "NotANumber", "requests is nothing"),
        (lambda handler: handler.send(b'{"requests": ' + b"9" * 5000 + b"}"), "MalformedDocument", "digits"),
        (lambda handler: handler.send(b'{"requests": 1e999}'), "NotANumber", "infinite"),
        (lambda handler: handler.send(b'{"requests": "12"}'), "NotANumber", "is text"),
        (lambda handler: handler.send(b"gone", 404), "EndpointDown", "status 404"),
        (lambda handler: handler.send(b"x" * 2_000_000), "BodyTooLarge", "more than 1048576 bytes"),
        (lambda handler: handler.send_endless(b" " * 65536), "BodyTooLarge", "more than 1048576 bytes"),
        (lambda handler: handler.send_endless(b" ", 0.05), "EndpointDown", "no answer in time"),
        (lambda handler: time.sleep(3), "EndpointDown", "no answer in time"),
        (lambda handler: handler.send(b"", 302, Location="/stats2"), "EndpointDown", "redirects"),
        (lambda handler: handler.send(b"", 302, Location="http://127.9.9.9/"), "EndpointDown", "does not name"),
        (lambda handler: handler.send(b"", 302, Location="file:///etc/passwd"), "EndpointDown", "not HTTP"),
    ],
)
def test_a_bad_endpoint_is_reported_and_neither_delays_a_scrape_nor_grows(
    server, watch_sources, caplog, eventually, case
):
    answer, error, reason = case
    server.answers |= {"/stats": answer, "/stats2": answer}
    more = ", timeout: 1s, static_labels: {a: b}"
    watched = watch_sources("  json:\n" + block(f"{server.url}/stats", "{v: {value: requests}}", more))
    tracemalloc.start()
    watched.page()
    assert watched.seconds < 1.5
    eventually(lambda: watched.page() is not None and watched.errors() == {"d": error} and watched.seconds < 0.5)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert reason in caplog.text


def test_an_endpoint_that_comes_back_is_read_again(server, watch_sources, eventually):
    port = server.server_port
    watched = watch_sources("  json:\n" + block(f"{server.url}/stats", "{v: {value: requests}}"))
    assert watched.settled()["v"] == 12
    server.answers["/stats"] = lambda handler: handler.send(b"", 503)
    eventually(lambda: watched.page() is not None and watched.errors() == {"d": "EndpointDown"})
    server.answers["/stats"] = lambda handler: handler.send(b'{"requests": 13}')
    eventually(lambda: watched.page().get("v") == 13)
    assert port == server.server_port


def test_an_empty_list_is_no_fault(server, watch_sources):
    watched = watch_sources("  json:\n" + block(f"{server.url}/stats", "{v: {each: empty, value: a}}"))
    watched.settled()
    assert watched.absent() == {"d": "the document has no items"}


def test_secrets_are_read_each_time_and_sent_to_their_own_host_only(
    server, watch_sources, tmp_path, eventually, caplog
):
    with Server() as other:
        threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        moved = f"http://localhost:{other.server_port}/stats"
        server.answers["/moved"] = lambda handler: handler.send(b"", 302, Location=moved)
        (tmp_path / "token").write_text("hunter2\n")
        (tmp_path / "password").write_text("hunter3")
        named = block(moved, "{w: {value: requests}}", name="w")
        token = ", bearer_token_file: token, headers: {X-Tenant: berlin}"
        watched = watch_sources(
            "  json:\n"
            + block(f"{server.url}/moved", "{v: {value: requests}}", token)
            + block(
                f"{server.url}/stats",
                "{u: {value: requests}}",
                ", basic_auth: {username: me, password_file: password}",
                "u",
            )
            + named
        )
        page = watched.settled()
        assert (page["u"], page["v"], page["w"]) == (12, 12, 12)
        sent = dict(server.requests)
        assert sent["/moved"]["Authorization"] == "Bearer hunter2"
        assert sent["/moved"]["X-Tenant"] == "berlin"
        assert sent["/stats"]["Authorization"] == f"Basic {base64.b64encode(b'me:hunter3').decode()}"
        assert all("Authorization" not in headers and "X-Tenant" not in headers for _, headers in other.requests)
        (tmp_path / "token").write_text("changed")
        eventually(lambda: watched.page() and dict(server.requests)["/moved"]["Authorization"] == "Bearer changed")
        (tmp_path / "token").unlink()
        eventually(lambda: watched.page() and watched.errors() == {"d": "SecretNotReadable"})
        other.shutdown()
    assert "hunter" not in caplog.text
    assert "changed" not in caplog.text


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("{v: {value: 'a['}}", "not an expression of JMESPath"),
        ("{v: {value: a, values: {b: c}, value_label: d}}", "value is not allowed here"),
        ("{v: {values: {b: c}}}", "value_label is missing"),
        ("{v: {key_label: d}}", "each is missing"),
        ("{up2: {value: a}, node_load1: {value: a}}", "node_load1 is a name that Deckwatch itself uses"),
        ("{v: {each: a, labels: {x: y}, static_labels: {x: y}}}", "the label x is set twice"),
    ],
)
def test_the_settings_are_checked(project_problems, text, fragment):
    (line,) = project_problems("  json:\n" + block("http://a.internal/x", text))
    assert fragment in line
    assert line.startswith("deckwatch.yaml:3:")


def test_an_address_has_no_password(project_problems):
    (line,) = project_problems("  json:\n" + block("http://me:hunter2@a.internal/x", "{v: {value: a}}"))
    assert "hunter2" not in line


def test_declared_metrics_are_in_the_catalogue(tmp_path):
    metrics = "{pool_size: {each: pools, key_label: pool, labels: {x: name}, unit: count, value: size}}"
    (tmp_path / "deckwatch.yaml").write_text("watch:\n  json:\n" + block("http://a.internal/x", metrics))
    metric = metric_catalog.load_catalog(project.load_project(tmp_path, plugins.schema_fragments())).get("pool_size")
    assert metric is not None
    assert (metric.kind, metric.labels, metric.source) == ("gauge", ("pool", "x"), "app_json")


@pytest.mark.parametrize("body", [b"-Infinity", b'{"a": NaN}', b"\x00", b'"\\ud800', b"nul", b"1 2"])
def test_what_is_not_json_is_malformed(body):
    with pytest.raises(MalformedDocument):
        json_document.parse_document(body)
