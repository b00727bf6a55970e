"""The application on a real uvicorn on a free port, with test collectors."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import collector, connection, listen
from deckwatch.exporter.collector import Collector, NoData
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.protection import connection_limits
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.scrape_headers import accepts_gzip, scrape_seconds
from deckwatch.exporter.server import App
from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALUE = Metric("deckwatch_test_value", "gauge", "A measured value.", ("name",))


def make_collector(name: str, collect: Callable, **options: object) -> Collector:
    settings = {"default": True, "peer": None, "subjects": None, "subject_label": "server", "budget": 50_000, **options}
    return Collector(name, (VALUE,), collect, "A test.", **settings)


def name_collector(*names: str) -> Callable[[World], Iterator[Sample]]:
    return lambda _world: (VALUE(1, name) for name in names)


def unreadable(_world: World) -> Iterator[Sample]:
    raise PermissionError(13, "Permission denied", "/proc/pressure/cpu")


def of_server(_world: World, name: str) -> Iterator[Sample]:
    yield VALUE(1, name)


@contextmanager
def running(*collectors: Collector, shipped: tuple[str, ...] = ()) -> Iterator[httpx.Client]:
    """Serve these collectors and yield a client of the server."""
    names = {each.name: each for each in collectors}
    scraper = Scraper(World(), names)
    sockets = listen.bind_sockets(listen.parse_address("127.0.0.1:0"))
    port = sockets[0].getsockname()[1]
    server = listen.make_server(App(scraper, [*names, *shipped]))
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        loops[0].call_soon_threadsafe(server.request_stop)
        thread.join(10)
        scraper.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(
        make_collector("host_cpu", name_collector("cpu")),
        make_collector("host_disk", name_collector("disk")),
        make_collector("host_pressure", unreadable),
        make_collector("container_state", name_collector("web", 'na"me\n')),
        make_collector("postgres_up", of_server, subjects=lambda _: {"shop-db": "shop", "crm": "crm"}),
        shipped=("host_systemd",),
    ) as client:
        yield client


def names(response: httpx.Response) -> set[str]:
    """Return the values of the label `name` of the test metric."""
    assert response.status_code == 200
    return {
        sample.labels["name"]
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if family.name == VALUE.name
    }


def test_a_page_has_all_collectors_and_their_failures(client):
    response = client.get("/metrics")
    assert names(response) == {"cpu", "disk", "web", 'na"me\n', "shop", "crm"}
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'deckwatch_collector_success{collector="host_pressure"} 0' in response.text
    assert 'deckwatch_collector_success{collector="host_cpu"} 1' in response.text
    assert 'deckwatch_collector_success{collector="postgres_up",server="crm"} 1' in response.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("collect[]=host", {"cpu", "disk"}),
        ("collect[]=host_cpu&collect[]=container", {"cpu", "web", 'na"me\n'}),
        ("exclude[]=host&exclude[]=postgres", {"web", 'na"me\n'}),
        ("collect[]=postgres&server=crm", {"crm"}),
        ("collect%5B%5D=host_disk", {"disk"}),
        ("collect[]=host_systemd", set()),  # shipped, but off
        ("collect[]=host_disk&unknown=1", {"disk"}),
    ],
)
def test_a_page_of_selected_collectors(client, query, expected):
    response = client.get(f"/metrics?{query}")
    assert names(response) == expected
    reported = set(re.findall(r'deckwatch_collector_success\{collector="(\w+)', response.text))
    assert len(reported) <= len(expected) + 1  # only collectors on the page, and host_pressure, which fails


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("collect[]=host_cpus", "unknown collector 'host_cpus'; did you mean host_cpu?"),
        ("exclude[]=contaner", "unknown collector 'contaner'; did you mean container?"),
        ("collect[]=", "unknown collector ''"),
        ("collect[]=host&exclude[]=host_cpu", "expected collectors to run or collectors to exclude, not both"),
        ("server=shopdb", "unknown database server 'shopdb'; did you mean shop-db?"),
        ("server=crm&server=shop-db", "expected one server, not several"),
        ("&".join(f"collect[]={number}" for number in range(300)), "Max number of fields exceeded"),
    ],
)
def test_an_invalid_query_is_rejected_with_a_message(client, query, sentence):
    response = client.get(f"/metrics?{query}")
    assert response.status_code == 400
    assert response.text.startswith(sentence)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_gzip_is_used_only_if_accepted(client):
    plain = client.get("/metrics?collect[]=host_cpu", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    packed = client.get("/metrics?collect[]=host_cpu", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "accept-encoding"
    assert names(packed) == names(plain) == {"cpu"}


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.8, *;q=0.1", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=nonsense", False),
    ],
)
def test_accept_encoding(header, accepted):
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 9.5),
        ("10", 9.5),
        ("3.5", 3.0),
        ("0.6", 0.3),
        ("0.001", 0.1),
        ("0", 9.5),
        ("-1", 9.5),
        ("x", 9.5),
        ("nan", 9.5),
        ("9e9", 120),
    ],
)
def test_the_timeout_is_that_of_the_scraper_minus_an_offset(header, seconds):
    headers = {} if header is None else {"x-prometheus-scrape-timeout-seconds": header}
    assert scrape_seconds(headers) == pytest.approx(seconds)


def test_a_hanging_collector_does_not_delay_the_page():
    release = threading.Event()

    def hang(_world: World) -> Iterator[Sample]:
        release.wait(30)
        yield VALUE(1, "late")

    with ExitStack() as stack:
        client = stack.enter_context(
            running(make_collector("app_hang", hang), make_collector("host_cpu", name_collector("cpu")))
        )
        stack.callback(release.set)
        start = time.monotonic()
        response = client.get("/metrics", headers={"x-prometheus-scrape-timeout-seconds": "1"})
        assert time.monotonic() - start < 5  # the collector waits for 30 seconds
        assert names(response) == {"cpu"}
        assert 'deckwatch_collector_success{collector="app_hang"} 0' in response.text
        assert 'deckwatch_collector_timeouts_total{collector="app_hang"} 1' in response.text
        ready = client.get("/readyz")
        assert (ready.status_code, ready.text) == (503, "waiting for the first answer of:\napp_hang\n")


@pytest.mark.parametrize("timeout", ["0.001", "0.6"])
def test_a_timeout_too_short_for_a_page_is_no_failure_of_collectors(timeout, caplog):
    release = threading.Event()

    def hang(_world: World) -> Iterator[Sample]:
        release.wait(30)
        yield VALUE(1, "late")

    with ExitStack() as stack:
        shipped = collector.load_collectors()["deckwatch_scrapes"]
        client = stack.enter_context(
            running(make_collector("app_hang", hang), make_collector("host_cpu", name_collector("cpu")), shipped)
        )
        stack.callback(release.set)
        with caplog.at_level(logging.INFO, "deckwatch.scrape"):
            for _ in range(3):
                response = client.get("/metrics", headers={"x-prometheus-scrape-timeout-seconds": timeout})
                assert names(response) == {"cpu"}
                assert 'collector="app_hang"' not in response.text
        assert not caplog.records
        counted = client.get("/metrics?collect[]=deckwatch_scrapes").text
        assert "deckwatch_short_scrapes_total 3" in counted
        late = client.get("/metrics", headers={"x-prometheus-scrape-timeout-seconds": "1"})
        assert 'deckwatch_collector_timeouts_total{collector="app_hang"} 1' in late.text


def test_timeouts_of_an_impatient_client_are_not_counted_for_others():
    """A client's deadline raises no alert on what another client scrapes, which is counted by its own deadline."""
    release = threading.Event()

    def take_long(_world: World) -> Iterator[Sample]:
        release.wait(1.5)
        yield VALUE(1, "slow")

    def timeouts(seconds: str) -> str:
        text = client.get("/metrics", headers={"x-prometheus-scrape-timeout-seconds": seconds}).text
        return text.partition('deckwatch_collector_timeouts_total{collector="app_slow"} ')[2].partition("\n")[0]

    with ExitStack() as stack:
        client = stack.enter_context(running(make_collector("app_slow", take_long)))
        stack.callback(release.set)
        assert [timeouts("1.1") for _ in range(2)] == ["1", "2"]
        assert timeouts("10") == "0"
        assert timeouts("1.2") == "3", "deadlines are counted in steps of half a second, which bounds them"


def test_the_event_loop_is_responsive_while_a_scrape_hangs():
    release = threading.Event()

    def hang(_world: World) -> Iterator[Sample]:
        release.wait(30)
        yield from ()

    with ExitStack() as stack:
        client = stack.enter_context(running(make_collector("app_hang", hang)))
        stack.callback(release.set)
        scrape = threading.Thread(target=lambda: client.get("/metrics"))
        scrape.start()
        time.sleep(0.1)
        start = time.monotonic()
        assert client.get("/healthz").text == "ok\n"
        assert time.monotonic() - start < 10, "a third of what the scrape hangs"
        release.set()
        scrape.join(30)


def test_readiness_requires_a_result_for_every_subject():
    def absent(_world: World) -> Iterator[Sample]:
        raise NoData("no such thing")

    with running(
        make_collector("host_cpu", absent),
        make_collector("host_pressure", unreadable),
        make_collector("postgres_up", of_server, subjects=lambda _: {"shop-db": "shop"}),
    ) as client:
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.text.splitlines()[1:] == ["host_cpu", "host_pressure", "postgres_up"]
        client.get("/metrics")
        assert client.get("/readyz").text == "ready\n"


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/readyz", "/nowhere"])
def test_head_is_get_without_a_body(client, path):
    client.get("/metrics")
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.content == b""


def test_other_methods_are_rejected_without_reading_the_body(client):
    response = client.post("/metrics", content=b"x" * 100_000)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.headers["connection"] == "close"


def test_an_unknown_path_links_to_the_known_ones(client):
    response = client.get("/<script>")
    assert response.status_code == 404
    assert 'href="/metrics"' in response.text
    assert "<script" not in response.text


def test_every_response_forbids_sniffing_and_caching(client):
    for path in ("/", "/metrics", "/healthz", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 60
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def dial(client: httpx.Client, sent: bytes = b"") -> socket.socket:
    dialled = socket.create_connection((client.base_url.host, client.base_url.port), timeout=5)
    dialled.sendall(sent)
    return dialled


def answered(dialled: socket.socket) -> bool:
    received = b""
    while not received.endswith(b"ok\n") and (chunk := dialled.recv(4096)):
        received += chunk
    return received.startswith(b"HTTP/1.1 200")


def is_cut(dialled: socket.socket) -> bool:
    try:
        return dialled.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_client_that_does_not_complete_a_header_is_disconnected(monkeypatch):
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.3)
    with running(make_collector("host_cpu", name_collector("cpu"))) as client:
        start = time.monotonic()
        with dial(client) as silent, dial(client, b"GET / HTTP/1.1\r\nHost: x\r\n") as slow:
            assert is_cut(silent)
            assert is_cut(slow)
        assert 0.2 < time.monotonic() - start < 2


def test_the_second_request_on_a_connection_has_the_same_header_limit(monkeypatch):
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.3)
    with (
        running(make_collector("host_cpu", name_collector("cpu"))) as client,
        dial(client, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") as kept,
    ):
        assert answered(kept)
        time.sleep(0.5)  # a pause between two requests is allowed
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answered(kept)
        kept.sendall(b"G")
        assert is_cut(kept)


def test_idle_connections_over_the_limit_are_closed(monkeypatch):
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 8)
    with running(make_collector("host_cpu", name_collector("cpu"))) as client, ExitStack() as stack:
        dawdlers = [stack.enter_context(dial(client, b"GET / HTTP/1.1\r\nX: ")) for _ in range(30)]
        start = time.monotonic()
        assert names(client.get("/metrics")) == {"cpu"}
        assert time.monotonic() - start < connection.HEADER_SECONDS / 2
        assert is_cut(dawdlers[0])


def test_a_new_connection_is_rejected_while_all_are_busy(monkeypatch):
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 2)
    release = threading.Event()

    def hang(_world: World) -> Iterator[Sample]:
        release.wait(30)
        yield VALUE(1, "x")

    with ExitStack() as stack:
        client = stack.enter_context(running(make_collector("app_hang", hang)))
        stack.callback(release.set)
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        busy = [stack.enter_context(dial(client, request)) for _ in range(2)]
        time.sleep(0.2)
        with dial(client, request) as refused:
            assert is_cut(refused)
        release.set()
        assert all(dialled.recv(4096).startswith(b"HTTP/1.1 200") for dialled in busy)


def test_a_client_that_does_not_read_is_disconnected(monkeypatch):
    monkeypatch.setattr(connection, "READ_SECONDS", 0.3)
    many = [str(number).rjust(200, "x") for number in range(40_000)]
    with running(make_collector("host_many", name_collector(*many))) as client, socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.settimeout(10)
        lazy.connect((client.base_url.host, client.base_url.port))
        lazy.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(2)
        received = lazy.recv(4096)
        expected = int(re.search(rb"content-length: (\d+)", received)[1])
        while chunk := lazy.recv(1 << 20):
            received += chunk
        assert len(received) < expected  # only what the kernel had buffered


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9877", ("127.0.0.1", 9877)),
        ("[::1]:0", ("::1", 0)),
        (":9877", ("", 9877)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_addresses_are_parsed(text, address):
    assert listen.parse_address(text) == address
    assert str(listen.parse_address(text)) == text


@pytest.mark.parametrize("text", ["", "9877", "localhost", "::1:9877", "[::1]", "host:http", "host:99999", "[host]:1"])
def test_invalid_addresses_are_rejected(text):
    with pytest.raises(ValueError, match=r"expected HOST:PORT|in brackets"):
        listen.parse_address(text)


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:0", ":0", "localhost:0"])
def test_addresses_are_bound(text):
    sockets = listen.bind_sockets(listen.parse_address(text))
    try:
        assert len({listener.getsockname()[1] for listener in sockets}) == 1
        for listener in sockets:
            host = "::1" if listener.family == socket.AF_INET6 else "127.0.0.1"
            with (
                socket.create_connection((host, listener.getsockname()[1]), timeout=5),
                listener.accept()[0] as accepted,
            ):
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        for listener in sockets:
            listener.close()
