"""What is said of servers that do not answer, or are not what they should be."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deckwatch.core.http import Client
from deckwatch.core.problems import Refused, Unreachable


@pytest.fixture
def answering():
    """Start a port that reads once, says some bytes and hangs up; returns the address without its scheme."""
    sockets = []

    def start(said: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:  # the test is over
                    return
                with peer:
                    peer.recv(4096)
                    peer.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for one in sockets:
        one.shutdown(socket.SHUT_RDWR)
        one.close()


def said(url: str) -> str:
    with Client(url, seconds=5, tries=1) as client, pytest.raises(Unreachable) as caught:
        client.get("/api")
    return str(caught.value)


def test_a_port_without_a_listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert said(f"http://127.0.0.1:{port}") == f"http://127.0.0.1:{port} does not answer: connection refused"
    assert said(f"http://me:hunter2@127.0.0.1:{port}").startswith("http://me:*******@127.0.0.1:")


def test_an_unknown_host():
    message = said("http://prometheus.invalid:9090")
    # Without any name server the resolver cannot tell that the name is wrong.
    assert message.startswith("http://prometheus.invalid:9090 does not answer: ")
    assert message.count("prometheus.invalid") == 2


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9090", "prometheus", "http://", "ftp://x", "http://[::1", "http://a..b:1", "http://x:99999"]
)
def test_what_is_no_address(url):
    assert said(url).endswith(" is not an address such as http://127.0.0.1:9090")


def test_what_speaks_something_else(answering):
    assert said(f"http://{answering(b'SSH-2.0-x')}").endswith(" does not answer: it does not speak HTTP")
    assert said(f"http://{answering(b'')}").endswith(" does not answer: the connection was closed")
    address = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert said(f"https://{address}").endswith("it does not speak TLS; should the address begin with http:?")


@pytest.mark.parametrize(
    ("status", "kind", "body", "wanted"),
    [
        (404, "text/html; charset=utf-8", "<html>a page for people</html>", "says 404: Not Found"),
        (422, "application/json", '{"error": "parse error"}', "says 422: parse error"),
        (400, "text/plain", "Client sent an HTTP request\n", "says 400: Client sent an HTTP request"),
    ],
)
def test_an_error_is_told_in_the_servers_words(status, kind, body, wanted):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with Client(url) as client, pytest.raises(Refused) as caught:
            client.get("")
        server.shutdown()
        thread.join()
    assert str(caught.value) == f"{url} {wanted}"
    assert caught.value.status == status
