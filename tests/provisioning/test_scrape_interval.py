"""The interval that rates are computed by, from servers that show their configuration, hide it, fail or are absent."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deckwatch.core.http import Client
from deckwatch.core.problems import Unreachable
from deckwatch.provisioning import scrape_interval
from deckwatch.provisioning.scrape_interval import KnownInterval, NoConfiguration, choose_interval, fetch_interval

CONFIG = b'{"data": {"yaml": "global:\\n  scrape_interval: 1m\\n"}}'


@contextmanager
def answering(replies):
    """Serve one reply after the other, then the last one: status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = replies.pop(0) if len(replies) > 1 else replies[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("stated", "running", "chosen"), [(None, None, 15), (60, None, 60), (None, 5, 5), (60, 15, 60), (15, 60, 60)]
)
def test_the_longer_interval_counts(stated, running, chosen):
    assert choose_interval(stated, running) == chosen


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"text", b'{"data": {"yaml": "global: ["}}', b'{"data": {"yaml": "a: 1"}}']
)
def test_a_server_without_such_a_configuration(body):
    with answering([(200, body)]) as url, Client(url) as client, pytest.raises(NoConfiguration, match="not Prometheus"):
        fetch_interval(client)


def test_an_interval_is_kept_while_the_server_fails(monkeypatch):
    monkeypatch.setattr(scrape_interval, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(scrape_interval, "_KEEP_SECONDS", 0.0)
    with answering([(200, CONFIG), (503, b"busy"), (404, b"gone"), (503, b"busy")]) as url:
        known = KnownInterval(url, None)
        assert [known.read_seconds() for _ in range(4)] == [60, 60, 15, 15]
        known.close()


def test_an_interval_is_asked_for_once_in_five_minutes():
    replies = [(200, CONFIG), (404, b"")]
    with answering(replies) as url:
        known = KnownInterval(url, 15.0)
        assert [known.read_seconds() for _ in range(3)] == [60, 60, 60]
        known.close()
    with Client("http://127.0.0.1:9", tries=1) as client, pytest.raises(Unreachable, match="connection refused"):
        fetch_interval(client)
