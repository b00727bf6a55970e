"""Slow connections, oversized requests and too many connections: plain and over TLS."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from deckwatch.exporter import connection, scrape
from deckwatch.exporter.protection import connection_limits
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.server import App

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


def read_slowly(dialled: socket.socket, stop: threading.Event) -> None:
    """Read a little at a time; until the connection is closed."""
    with suppress(OSError, ssl.SSLError):
        while not stop.is_set() and dialled.recv(512):
            stop.wait(0.2)


@pytest.fixture
def large_page(monkeypatch):
    """Make /healthz too large for the buffers of a socket."""
    route = App._route_request

    async def answer_large(self, method, path, query, headers):
        response = await route(self, method, path, query, headers)
        return replace(response, body=b"x" * (8 << 20)) if path == "/readyz" else response

    monkeypatch.setattr(App, "_route_request", answer_large)


def test_slow_readers_of_two_addresses_leave_room_for_others(page, monkeypatch, large_page) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 8)
    monkeypatch.setattr(connection_limits, "MAX_PER_CLIENT", 4)
    stop = threading.Event()
    known = page.dial("127.0.0.5")
    assert is_alive(known)
    slow = [page.dial(f"127.0.0.{number}") for number in (2, 3) for _ in range(4)]
    threads = [threading.Thread(target=read_slowly, args=(dialled, stop)) for dialled in slow]
    for dialled, thread in zip(slow, threads, strict=True):
        dialled.sendall(GET.replace(b"/healthz", b"/readyz") * 50)
        thread.start()
    time.sleep(0.5)
    newcomer = page.dial("127.0.0.4")
    assert is_alive(newcomer)
    assert is_alive(known)
    stop.set()
    for thread in threads:
        thread.join()


def test_a_client_has_one_time_limit_for_everything_it_has_asked_for(page, monkeypatch, large_page) -> None:
    monkeypatch.setattr(connection, "READ_SECONDS", 1.0)
    dialled = page.dial()
    dialled.sendall(GET.replace(b"/healthz", b"/readyz") * 10)
    deadline, size = time.monotonic() + 30, 0
    with suppress(OSError, ssl.SSLError):
        while time.monotonic() < deadline and (data := dialled.recv(1 << 20)):
            size += len(data)
            time.sleep(0.05)
    assert time.monotonic() < deadline
    assert size < 10 * (8 << 20)
    for _ in range(3):  # a client that reads its pages has the limit for each of them
        assert len(page.client("127.0.0.2").get("/readyz").content) == 8 << 20


def test_pipelined_requests_are_bounded(page) -> None:
    dialled = page.dial()
    dialled.sendall(GET * 60)
    answers = b""
    with suppress(ConnectionResetError, ssl.SSLError):
        while data := dialled.recv(4096):
            answers += data
    assert answers.count(b"HTTP/1.1 200 OK") == connection.MAX_PIPELINED


def test_a_client_with_many_busy_connections_loses_one_to_a_new_client(page, monkeypatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 10)
    known = page.dial("127.0.0.5")
    assert is_alive(known)
    page.hold.clear()
    busy = [page.dial() for _ in range(9)]
    for dialled in busy:
        dialled.sendall(GET.replace(b"/healthz", b"/metrics"))
    wait_for_requests(page, 9)
    newcomer = page.dial("127.0.0.4")
    assert is_alive(newcomer)
    assert is_alive(known)
    page.hold.set()
    assert sum(is_cut(dialled) for dialled in busy) == 1


def end_sending(dialled: socket.socket) -> None:
    """Close the client's side of TCP."""
    socket.socket.shutdown(dialled, socket.SHUT_WR)


@pytest.mark.parametrize("path", [b"/healthz", b"/metrics"])
def test_a_client_that_ends_its_side_after_the_request_is_answered(page, path) -> None:
    dialled = page.dial()
    dialled.sendall(GET.replace(b"/healthz", path) * 2)
    end_sending(dialled)
    answers = b""
    with suppress(ssl.SSLError):
        while data := dialled.recv(4096):
            answers += data
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    ended = page.dial()
    end_sending(ended)  # without a request
    assert is_cut(ended)


def test_a_client_that_ends_its_side_of_tls_is_answered(page) -> None:
    if not page.is_tls:
        pytest.skip("there is no close_notify")
    plain, arrived, leaving = page.dial(raw=True), ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context.wrap_bio(arrived, leaving)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(leaving.read())
            arrived.write(plain.recv(65536))
    tls.write(GET)
    with suppress(ssl.SSLError):
        tls.unwrap()  # sends close_notify and would wait for the other one
    plain.sendall(leaving.read())
    answer = b""
    while not answer.endswith(b"ok\n") and (data := plain.recv(65536)):
        arrived.write(data)
        with suppress(ssl.SSLError):
            while piece := tls.read(65536):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://127.0.0.1:9877/healthz", 200),
        (b"HTTP://127.0.0.1/healthz?x=://", 200),
        (b"http://127.0.0.1", 200),
        (b"http://127.0.0.1/nowhere", 404),
        (b"/http://127.0.0.1/healthz", 404),
        (b"ftp://127.0.0.1/healthz", 404),
    ],
)
def test_the_target_of_a_request_may_be_a_whole_address(page, target, status) -> None:
    dialled = page.dial()
    dialled.sendall(GET.replace(b"/healthz", target))
    assert dialled.recv(4096).startswith(b"HTTP/1.1 %d " % status)


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


def test_fifty_concurrent_scrapers_share_readings(page, monkeypatch) -> None:
    """Requests of the same moment share one reading."""
    monkeypatch.setattr(scrape, "SAME_MOMENT_SECONDS", 60.0)  # requests arrive slowly on a busy machine
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
    assert len(page.readings) == 1


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
