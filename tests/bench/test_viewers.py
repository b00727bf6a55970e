"""Simulated viewers: each refreshes at its interval over its own connections, and errors are counted."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import viewers
from bench._viewers import Request, Viewer, run_viewers


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    received: list[tuple[str, str, int]]

    def do_GET(self):
        self.answer("")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def answer(self, body):
        self.received.append((self.path, body, self.client_address[1]))
        text = b"page"
        self.send_response(500 if self.path == "/wrong" else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Pages.received = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()


def test_viewers_keep_their_connections_and_refresh_at_their_interval(server):
    panel = Request("/query", '{"from": "{from}", "to": "{to}"}')
    viewer = Viewer(server, 0.2, [[Request("/"), panel], [Request("/wrong")]], span=60)
    load = run_viewers([viewer, viewer], 0.4, {"own": os.getpid()})
    assert len(load.responses) == len(Pages.received) == 2 * 2 * 3
    assert len(load.refreshes) == 4
    assert load.bytes_received == 12 * len("page")
    assert (len(load.errors), {error[:11] for error in load.errors}) == (4, {"/wrong: 500"})
    assert len({port for _, _, port in Pages.received}) == 4
    body = json.loads(next(text for path, text, _ in Pages.received if path == "/query"))
    assert int(body["to"]) - int(body["from"]) == 60_000
    assert load.refresh_p99 >= max(load.responses)
    assert load.cores["own"] > 0


def test_a_refresh_has_one_request_for_each_panel_outside_closed_rows():
    target = {"refId": "A", "expr": 'up{job=~"$job"}[$__range]'}
    model = {
        "templating": {"list": [{"name": "job", "type": "query"}, {"name": "datasource", "type": "datasource"}]},
        "panels": [{"targets": [target]}, {"type": "row", "panels": [{"targets": [target]}]}, {"type": "text"}],
    }
    variable, panel = viewers._list_requests(model)
    assert "/label/job/values?match%5B%5D=up&" in variable.path
    assert json.loads(panel.body)["queries"][0]["expr"] == 'up{job=~".+"}[$__range]'
