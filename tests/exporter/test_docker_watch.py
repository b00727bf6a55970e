"""The engine's threads, on single responses; `tests/live/test_containers.py` tests them with an engine."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time

import docker.errors
import pytest
import requests

from deckwatch.exporter.sources import docker_client
from deckwatch.exporter.sources.container_table import ContainerTable
from deckwatch.exporter.sources.docker_events import EventStream
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable
from deckwatch.exporter.sources.docker_watch import EngineWatch


class Client:
    """An engine behind TLS with one response to an inspect and another to a ping."""

    base_url = "https://engine:2376"
    api_version = "1.47"

    def __init__(self, container: object, ping: object = None) -> None:
        self.container = container
        self.answer = ping

    def inspect_container(self, _id: str) -> object:
        if isinstance(self.container, Exception):
            raise self.container
        return self.container

    def ping(self) -> None:
        if isinstance(self.answer, Exception):
            raise self.answer

    def close(self) -> None:
        pass


@pytest.fixture
def watch():
    """A Watch whose threads are not started."""
    watch = object.__new__(EngineWatch)
    watch._address = "tcp://engine:2376"
    watch._table = ContainerTable()
    watch._recent_events, watch._resume_at, watch._age_clock = {}, 0, lambda: 0.0
    return watch


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (docker.errors.NotFound("no such container"), ""),
        (docker.errors.APIError("layer is broken"), "cannot be had"),
        (requests.exceptions.ReadTimeout(), "in time"),
        ({"Id": "a"}, "cannot be had"),
        ({"Id": "a", "State": None, "Config": {}, "HostConfig": {}}, "cannot be had"),
    ],
)
def test_a_failed_inspect_of_one_container_is_no_outage(watch, caplog, answer, message):
    caplog.set_level(logging.INFO)
    watch._inspect_container(Client(answer), "a" * 64)
    assert watch._table.all_containers() == ()
    assert message in caplog.text
    assert bool(caplog.text) == bool(message)


def test_an_engine_without_any_response_is_unreachable(watch):
    with pytest.raises(requests.exceptions.ReadTimeout):
        watch._inspect_container(Client(requests.exceptions.ReadTimeout(), requests.exceptions.ReadTimeout()), "a" * 64)


def event(action: str, nanoseconds: int) -> dict[str, object]:
    return {"Type": "container", "Action": action, "Actor": {"ID": "a"}, "timeNano": nanoseconds}


def test_a_duplicate_event_is_ignored_and_a_clock_set_back_drops_none(watch):
    assert watch._apply_event(event("start", 2_000_000_000)) == "a"
    assert watch._apply_event(event("start", 2_000_000_000)) is None
    assert watch._apply_event(event("die", 2_000_000_000)) == "a"
    assert watch._apply_event(event("start", 1_000_000_000)) == "a"
    assert watch._resume_at == 1_000_000_000


def test_events_before_the_end_of_the_stream_are_delivered_first():
    events = EventStream(None, 0)
    for action in ("start", "die"):
        events._queue.put(event(action, 1))
    events.signal_end()
    assert [action["Action"] for action in events.take_batch(0)] == ["start", "die"]
    with pytest.raises(EngineUnreachable):
        events.take_batch(0)


def test_an_idle_stream():
    assert EventStream(None, 0).take_batch(0.01) == []


def test_the_start_time_of_the_event_stream():
    assert EventStream(None, 1_795_200_697_000_000_042)._since == "1795200697.000000042"


@pytest.fixture
def engine_socket(tmp_path):
    """A socket that gives one answer, and the request lines that it gets; the connection stays open where `open`."""
    asked: list[bytes] = []
    stack = contextlib.ExitStack()

    def answer_once(answer: bytes, *, keep_open: bool = False) -> str:
        listening = stack.enter_context(socket.socket(socket.AF_UNIX))
        listening.bind(str(tmp_path / "engine.sock"))
        listening.listen()
        released = threading.Event()

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                asked.append(peer.recv(1024).split(b"\r\n")[0])
                peer.sendall(answer)
                if keep_open:
                    released.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        stack.callback(thread.join)
        stack.callback(released.set)
        return f"unix://{tmp_path}/engine.sock"

    answer_once.asked = asked
    with stack:
        yield answer_once


@pytest.mark.parametrize(("status", "message"), [(b"200 OK", ""), (b"500 Internal Server Error", "status 500")])
@pytest.mark.parametrize("keep_open", [False, True])
def test_a_ping_over_the_local_socket(engine_socket, status, message, keep_open):
    address = engine_socket(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nOK", keep_open=keep_open)
    reported = pytest.raises(EngineUnreachable, match=message) if message else contextlib.nullcontext()
    start = time.monotonic()
    with reported:
        docker_client.ping_engine(Client(None), address)
    assert time.monotonic() - start < docker_client.ANSWER_SECONDS / 2
    assert engine_socket.asked == [b"GET /v1.47/_ping HTTP/1.0"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "not answer in HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[]", "ended too early"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "list of containers with status 403"),
    ],
)
def test_an_answer_that_is_none_is_an_outage(engine_socket, answer, message):
    with pytest.raises(EngineUnreachable, match=message):
        docker_client.list_containers(Client(None), engine_socket(answer))


def test_answers_with_and_without_a_length(engine_socket):
    assert docker_client.list_containers(Client(None), engine_socket(b'HTTP/1.0 200 OK\r\n\r\n[{"Id": "a"}]')) == [
        {"Id": "a"}
    ]
    assert engine_socket.asked == [b"GET /v1.47/containers/json?all=1 HTTP/1.0"]


def test_an_answer_in_chunks_is_left_to_docker_py(engine_socket):
    address = engine_socket(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    assert docker_client.inspect_container(Client({"Id": "b"}), address, "b") == {"Id": "b"}


@pytest.mark.parametrize(
    ("status", "error"), [(b"404 Not Found", docker.errors.NotFound), (b"500 Oops", docker.errors.APIError)]
)
def test_an_inspect_that_the_engine_refuses(engine_socket, status, error):
    with pytest.raises(error):
        docker_client.inspect_container(Client(None), engine_socket(b"HTTP/1.1 " + status + b"\r\n\r\n{}"), "a")
