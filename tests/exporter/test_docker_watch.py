"""The engine's threads, on single responses; `tests/live/test_containers.py` tests them with an engine."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading

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


@pytest.fixture
def watch():
    """A Watch whose threads are not started."""
    watch = object.__new__(EngineWatch)
    watch._address = "tcp://engine:2376"
    watch._table = ContainerTable()
    watch._recent_events, watch._resume_at, watch._clock = {}, 0, lambda: 0.0
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


@pytest.mark.parametrize(("status", "message"), [(b"200 OK", ""), (b"500 Internal Server Error", "status 500")])
def test_a_ping_over_the_local_socket(tmp_path, status, message):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "engine.sock"))
        listening.listen()

        def answer() -> None:
            peer, _ = listening.accept()
            with peer:
                asked.append(peer.recv(1024).split(b"\r\n")[0])
                peer.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nOK")

        asked: list[bytes] = []
        thread = threading.Thread(target=answer)
        thread.start()
        reported = pytest.raises(EngineUnreachable, match=message) if message else contextlib.nullcontext()
        with reported:
            docker_client.ping_engine(Client(None), f"unix://{tmp_path}/engine.sock")
        thread.join()
    assert asked == [b"GET /v1.47/_ping HTTP/1.1"]
