"""Slow connections, oversized requests and too many connections: plain and over TLS."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from deckwatch.exporter import connection
from deckwatch.exporter.protection import connection_limits
from deckwatch.exporter.scrape import Scraper

if TYPE_CHECKING:
    from collections.abc import Callable

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
MAX_PARTIAL_HELLO = 60  # bytes of an incomplete hello


@pytest.fixture(params=["plain", "tls"])
def page(request, serve, web_config, authority, monkeypatch):
    """A served page with `dial(source)`, `client(source)` and `waiting()`; over both transports."""
    monkeypatch.setattr(
        connection, "HEADER_SECONDS", 60.0
    )  # client and server share one process, perhaps on a busy machine
    is_tls = request.param == "tls"
    authority.issue("server")
    served = serve(web_config(TLS, users="") if is_tls else None)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with ExitStack() as stack:

        def dial(source: str = "127.0.0.1", *, raw: bool = False) -> socket.socket:
            connected = socket.create_connection(served.address, timeout=60, source_address=(source, 0))
            stack.callback(connected.close)
            if is_tls and not raw:
                connected = context.wrap_socket(connected, server_hostname="127.0.0.1")
                stack.callback(connected.close)
            return connected

        def client(source: str = "127.0.0.1") -> httpx.Client:
            transport = httpx.HTTPTransport(verify=context, local_address=source)
            base = f"{'https' if is_tls else 'http'}://127.0.0.1:{served.port}"
            return stack.enter_context(httpx.Client(base_url=base, transport=transport, timeout=60))

        served.waiting = count_waiting(monkeypatch)
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
    silent, partial = page.dial(), page.dial()
    partial.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert is_cut(silent)
    assert is_cut(partial)


def test_the_header_limit_starts_with_the_connection_not_after_the_handshake(page, monkeypatch) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 1.0)
    silent, greeting, dribbling = (page.dial(raw=True) for _ in range(3))
    greeting.sendall(hello()[:MAX_PARTIAL_HELLO])
    with pytest.raises(OSError):  # disconnected while sending: a byte does not restart the limit
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
            assert not is_alive(shaken)  # the handshake has used up the time


def test_a_long_header_is_rejected_however_it_is_split(page) -> None:
    field = b"X-Long: " + b"x" * connection.MAX_HEADER_BYTES + b"\r\n"
    for pieces in ([b"GET / HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n"], [b"GET /?", *[b"x" * 1024] * 20]):
        dialled = page.dial()
        with suppress(OSError):  # the response comes before everything is sent
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
    assert all(is_cut(dialled) for dialled in dawdlers[:7])
    assert is_alive(rested)  # idle connections are closed first
    assert is_alive(other)


def test_at_the_limit_the_clients_with_most_connections_lose_some(page, monkeypatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 8)
    monkeypatch.setattr(connection_limits, "MAX_PER_CLIENT", 6)
    modest = page.dial("127.0.0.2")
    greedy = [page.dial("127.0.0.3", raw=True) for _ in range(7)]
    others = [page.dial(f"127.0.0.{number}") for number in range(4, 7)]
    assert is_alive(modest)
    assert all(is_alive(dialled) for dialled in others)
    assert sum(is_cut(dialled) for dialled in greedy[:3]) == 3


def test_busy_connections_of_a_client_leave_room_for_others(page, monkeypatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_PER_CLIENT", 3)
    page.hold.clear()
    busy = [page.dial() for _ in range(3)]
    for dialled in busy:
        dialled.sendall(GET.replace(b"/healthz", b"/metrics"))
    wait_for_requests(page, 3)
    assert is_cut(page.dial(raw=True))
    assert page.client("127.0.0.2").get("/healthz").status_code == 200
    page.hold.set()
    assert all(dialled.recv(4096).startswith(b"HTTP/1.1 200") for dialled in busy)


def test_shutdown_leaves_no_socket_open(page_served) -> None:
    for _ in range(10):
        with ExitStack() as stack, page_served() as served:
            for _ in range(40):  # some are accepted during the shutdown
                stack.callback(socket.create_connection(served.address).close)
        gc.collect()  # an open socket raises an error here


def count_waiting(monkeypatch) -> Callable[[], int]:
    """Return a function that returns how many requests wait for a reading to end."""
    lock, count, wait_for_runs = threading.Lock(), 0, Scraper._wait_for

    def wait_counted(*arguments) -> None:
        nonlocal count
        with lock:
            count += 1
        wait_for_runs(*arguments)
        with lock:
            count -= 1

    monkeypatch.setattr(Scraper, "_wait_for", wait_counted)
    return lambda: count


def wait_for_requests(page, count: int) -> None:
    """Return when this many requests wait for a reading to end."""
    deadline = time.monotonic() + 60
    while page.waiting() < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_fifty_concurrent_scrapers_share_readings(page) -> None:
    """Requests of the same moment share one reading; later ones, for which it would be old, share the next."""
    page.hold.clear()
    clients, answers = [page.client() for _ in range(50)], []
    threads = [
        threading.Thread(target=lambda client=client: answers.append(client.get("/metrics"))) for client in clients
    ]
    for thread in threads:
        thread.start()
    wait_for_requests(page, 50)
    page.hold.set()
    for thread in threads:
        thread.join()
    assert [response.status_code for response in answers] == [200] * 50
    assert len(page.readings) < 10


@pytest.fixture
def kept():
    """Sockets that are closed after the teardown of all fixtures requested later."""
    with ExitStack() as stack:
        yield stack


def test_shutdown_does_not_wait_for_handshakes(kept, serve, web_config, authority) -> None:
    authority.issue("server")
    served = serve(web_config(TLS, users=""))
    for part in (b"", hello()[:MAX_PARTIAL_HELLO], hello()):
        dialled = kept.enter_context(socket.create_connection(served.address))
        dialled.sendall(part)  # the server's fixture waits a minute for its end


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "", True),
    ],
)
def test_addresses_of_one_client(first, second, is_same) -> None:
    assert (connection_limits.client_key(first) == connection_limits.client_key(second)) is is_same
