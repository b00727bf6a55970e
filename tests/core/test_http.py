"""Messages for servers that do not respond, or that are not the expected program."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deckwatch.core.http import Client
from deckwatch.core.problems import Refused, Unreachable


@pytest.fixture
def raw_server():
    """Return a function that starts a server which reads once, sends bytes and closes; it returns HOST:PORT."""
    sockets = []

    def start_server(payload: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def serve_connections() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:  # the test has ended
                    return
                with peer:
                    peer.recv(4096)
                    peer.sendall(payload)

        threading.Thread(target=serve_connections, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start_server
    for listener in sockets:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def error_message(url: str) -> str:
    with Client(url, seconds=5, tries=1) as client, pytest.raises(Unreachable) as caught:
        client.get("/api")
    return str(caught.value)


def test_a_port_without_a_listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert error_message(f"http://127.0.0.1:{port}") == f"http://127.0.0.1:{port} does not answer: connection refused"
    assert error_message(f"http://me:hunter2@127.0.0.1:{port}").startswith("http://" + "*" * 11 + "127.0.0.1:")


def test_an_unknown_host():
    message = error_message("http://prometheus.invalid:9090")
    # Without a name server the resolver cannot know that the name does not exist.
    assert message.startswith("http://prometheus.invalid:9090 does not answer: ")
    assert message.count("prometheus.invalid") == 2


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9090", "prometheus", "http://", "ftp://x", "http://[::1", "http://a..b:1", "http://x:99999"]
)
def test_an_invalid_address(url):
    assert error_message(url).endswith(" is not an address such as http://127.0.0.1:9090")


def test_a_server_that_speaks_another_protocol(raw_server):
    assert error_message(f"http://{raw_server(b'SSH-2.0-x')}").endswith(" does not answer: it does not speak HTTP")
    assert error_message(f"http://{raw_server(b'')}").endswith(" does not answer: the connection was closed")
    address = raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert error_message(f"https://{address}").endswith("it does not speak TLS; should the address begin with http:?")


@pytest.mark.parametrize(
    ("status", "content_type", "body", "expected"),
    [
        (404, "text/html; charset=utf-8", "<html>a page for people</html>", "says 404: Not Found"),
        (422, "application/json", '{"error": "parse error"}', "says 422: parse error"),
        (400, "text/plain", "Client sent an HTTP request\n", "says 400: Client sent an HTTP request"),
    ],
)
def test_an_error_has_the_reason_from_the_server(status, content_type, body, expected):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with Client(url) as client, pytest.raises(Refused) as caught:
            client.get("")
        server.shutdown()
        thread.join()
    assert str(caught.value) == f"{url} {expected}"
    assert caught.value.status == status


@pytest.mark.parametrize(
    "beginning", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_up_a_command(beginning):
    ended = threading.Event()

    def trickle(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(beginning)
            while not ended.wait(0.05):
                peer.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=trickle, args=(listener,))
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(url, seconds=0.25) as client, pytest.raises(Unreachable) as caught:
            client.get("/api")
        others = [thread for thread in threading.enumerate() if thread.name == "query"]
        ended.set()
        server.join()
        for thread in others:
            thread.join()
    assert str(caught.value) == f"{url} does not answer: it took longer than 1 s"
