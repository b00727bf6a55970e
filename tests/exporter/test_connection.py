"""Connections that dawdle, that ask for too much, or are too many: plain and over TLS."""

from __future__ import annotations

import gc
import socket
import ssl
import sys
import threading
import time
from contextlib import ExitStack, suppress

import httpx
import pytest

from deckwatch.exporter import connection
from deckwatch.exporter.protection import connection_limits

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
MOST_HELLO = 60  # bytes of a hello that is not whole


@pytest.fixture(params=["plain", "tls"])
def page(request, serve, web_config, authority, monkeypatch):
    """A page with `dial(source)`, which connects, and `client(source)`; over both transports."""
    monkeypatch.setattr(connection, "HEADER_SECONDS", 60.0)  # one process plays all, perhaps on a busy machine
    is_tls = request.param == "tls"
    authority.issue("server")
    served = serve(web_config(TLS, users="") if is_tls else None)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with ExitStack() as stack:

        def dial(source: str = "127.0.0.1", *, raw: bool = False) -> socket.socket:
            found = socket.create_connection(served.address, timeout=60, source_address=(source, 0))
            stack.callback(found.close)
            if is_tls and not raw:
                found = context.wrap_socket(found, server_hostname="127.0.0.1")
                stack.callback(found.close)
            return found

        def client(source: str = "127.0.0.1") -> httpx.Client:
            transport = httpx.HTTPTransport(verify=context, local_address=source)
            base = f"{'https' if is_tls else 'http'}://127.0.0.1:{served.port}"
            return stack.enter_context(httpx.Client(base_url=base, transport=transport, timeout=60))

        served.dial, served.client, served.is_tls = dial, client, is_tls
        yield served


def hello() -> bytes:
    """Return the first message of a TLS handshake."""
    arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = ssl.create_default_context().wrap_bio(arrived, leaving, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    return leaving.read()


def is_cut(dialled: socket.socket) -> bool:
    try:
        while data := dialled.recv(4096):
            if data.startswith(b"HTTP/1.1 200"):
                return False
    except (ConnectionResetError, ssl.SSLError):
        pass
    return True


def dribble(dialled: socket.socket, data: bytes) -> None:
    for byte in data:
        dialled.send(bytes([byte]))
        time.sleep(0.05)


def is_alive(dialled: socket.socket) -> bool:
    try:
        dialled.sendall(GET)
        answer = b""
        while not answer.endswith(b"ok\n") and (data := dialled.recv(4096)):
            answer += data
    except (OSError, ssl.SSLError):
        return False
    return answer.startswith(b"HTTP/1.1 200")


def test_a_client_that_does_not_complete_a_header_is_disconnected(page, monkeypatch) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 1.0)
    silent, begun = page.dial(), page.dial()
    begun.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert is_cut(silent)
    assert is_cut(begun)


def test_the_header_limit_starts_with_the_connection_not_after_the_handshake(page, monkeypatch) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 1.0)
    silent, greeting, dribbling = (page.dial(raw=True) for _ in range(3))
    greeting.sendall(hello()[:MOST_HELLO])
    with pytest.raises(OSError):  # it is cut while it sends: a byte is no new beginning
        dribble(dribbling, hello() * 5)
    assert is_cut(silent)
    assert is_cut(greeting)
    if page.is_tls:
        spent = page.dial(raw=True)
        time.sleep(0.6)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with suppress(OSError), context.wrap_socket(spent) as shaken:
            time.sleep(0.6)
            assert not is_alive(shaken)  # the handshake has taken its share


def test_a_long_header_is_rejected_however_it_is_split(page) -> None:
    field = b"X-Long: " + b"x" * connection.MAX_HEADER_BYTES + b"\r\n"
    for pieces in ([b"GET / HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n"], [b"GET /?", *[b"x" * 1024] * 20]):
        dialled = page.dial()
        with suppress(OSError):  # it answers before all is sent
            for piece in pieces:
                dialled.sendall(piece)
                time.sleep(0.01)
        answer = b""
        with suppress(ConnectionResetError, ssl.SSLError):
            while data := dialled.recv(4096):
                answer += data
        assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert answer.endswith(b"a request's header has 16 KiB at most\n")
    most = b"X-Long: " + b"x" * (connection.MAX_HEADER_BYTES - 100) + b"\r\n"
    dialled = page.dial()
    dialled.sendall(GET[:-2] + most + b"\r\n")
    assert dialled.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_request_body_is_not_read(page) -> None:
    dialled = page.dial()
    sent = 0
    try:
        dialled.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(2000):
            sent += dialled.send(b"x" * 65536)
    except (OSError, ssl.SSLError):
        pass
    assert sent < 100_000_000


def test_pipelined_requests_are_answered_in_order(page) -> None:
    dialled = page.dial()
    dialled.sendall(GET * 3 + b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answers = b""
    while data := dialled.recv(4096):
        answers += data
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answers.count(b"HTTP/1.1 404 Not Found\r\n") == 1


def test_a_large_page_arrives_complete(page) -> None:
    client = page.client()
    first = client.get("/metrics")
    for _ in range(30):
        assert len(client.get("/metrics").text) >= 0.9 * len(first.text)
    assert len(page.readings) == 31


def test_a_client_over_its_share_loses_its_own_connections(page, monkeypatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_PER_CLIENT", 4)
    other, rested = page.dial("127.0.0.2"), page.dial()
    assert is_alive(rested)
    dawdlers = [page.dial(raw=True) for _ in range(10)]
    assert all(is_cut(one) for one in dawdlers[:7])
    assert is_alive(rested)  # what dawdles goes first
    assert is_alive(other)


def test_at_the_limit_the_clients_with_most_connections_lose_some(page, monkeypatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 8)
    monkeypatch.setattr(connection_limits, "MAX_PER_CLIENT", 6)
    modest = page.dial("127.0.0.2")
    greedy = [page.dial("127.0.0.3", raw=True) for _ in range(7)]
    others = [page.dial(f"127.0.0.{number}") for number in range(4, 7)]
    assert is_alive(modest)
    assert all(is_alive(one) for one in others)
    assert sum(is_cut(one) for one in greedy[:3]) == 3


def test_busy_connections_of_a_client_leave_room_for_others(page, monkeypatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_PER_CLIENT", 3)
    page.hold.clear()
    busy = [page.dial() for _ in range(3)]
    for one in busy:
        one.sendall(GET.replace(b"/healthz", b"/metrics"))
    wait_for(3)
    assert is_cut(page.dial(raw=True))
    assert page.client("127.0.0.2").get("/healthz").status_code == 200
    page.hold.set()
    assert all(one.recv(4096).startswith(b"HTTP/1.1 200") for one in busy)


def test_shutdown_leaves_no_socket_open(page_served) -> None:
    for _ in range(10):
        with ExitStack() as stack, page_served() as served:
            for _ in range(40):  # some are accepted in the moment in which it ends
                stack.callback(socket.create_connection(served.address).close)
        gc.collect()  # a socket left open is an error here


def waiting() -> int:
    """Return how many requests wait for a reading to end."""
    frames = sys._current_frames()
    threads = [one.ident for one in threading.enumerate() if one.name == "answer"]
    return sum(frames[one].f_code.co_filename == threading.__file__ for one in threads if one in frames)


def wait_for(count: int) -> None:
    """Wait until so many requests do so."""
    deadline = time.monotonic() + 60
    while waiting() < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_fifty_concurrent_scrapers_share_readings(page) -> None:
    """One, if all come in the same moment; who comes so late that it would be old shares the next (exporter.scrape)."""
    page.hold.clear()
    clients, answers = [page.client() for _ in range(50)], []
    threads = [threading.Thread(target=lambda one=one: answers.append(one.get("/metrics"))) for one in clients]
    for thread in threads:
        thread.start()
    wait_for(50)
    page.hold.set()
    for thread in threads:
        thread.join()
    assert [one.status_code for one in answers] == [200] * 50
    assert len(page.readings) < 10


@pytest.fixture
def kept():
    """Sockets that are closed when every fixture that is asked for later has ended."""
    with ExitStack() as stack:
        yield stack


def test_shutdown_does_not_wait_for_handshakes(kept, serve, web_config, authority) -> None:
    authority.issue("server")
    served = serve(web_config(TLS, users=""))
    for part in (b"", hello()[:MOST_HELLO], hello()):
        dialled = kept.enter_context(socket.create_connection(served.address))
        dialled.sendall(part)  # for its end the server's fixture waits a minute


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "", True),
    ],
)
def test_addresses_of_one_client(one, other, is_same) -> None:
    assert (connection_limits.client_key(one) == connection_limits.client_key(other)) is is_same
