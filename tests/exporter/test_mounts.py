"""An unreachable file server affects only its own mounts."""

from __future__ import annotations

import os
import threading
import time

import pytest

from deckwatch.exporter.sources.mounts import SpaceQueries
from deckwatch.exporter.world import World

FULL = os.statvfs_result((4096, 4096, 100, 50, 40, 10, 5, 5, 0, 255))


class Server:
    """A file server for every path that begins with /nfs; calls block while it is unreachable."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.calls: list[str] = []

    def statvfs(self, path: str) -> os.statvfs_result:
        self.calls.append(path)
        if path.startswith("/nfs"):
            self.there.wait(30)
        if path == "/denied":
            raise PermissionError(13, "Permission denied")
        return FULL


@pytest.fixture
def server():
    server = Server()
    yield server
    server.there.set()


@pytest.fixture
def space(server: Server):
    with World(statvfs=server.statvfs) as world:
        space = world.source(SpaceQueries)
        space.patience = 0.4
        yield space


def test_usage_or_the_reason_for_its_absence(space: SpaceQueries) -> None:
    answers = space.query_space(["/", "/denied"])
    assert answers["/"] == FULL
    assert isinstance(answers["/denied"], PermissionError)


def test_stuck_mounts_cost_the_timeout_only_once(space: SpaceQueries, server: Server) -> None:
    points = ["/nfs/1", "/a", "/nfs/2", "/nfs/3", "/b"]
    start = time.monotonic()
    answers = space.query_space(points)
    assert 0.35 < time.monotonic() - start < 5
    stuck = {point for point, answer in answers.items() if isinstance(answer, TimeoutError)}
    assert stuck == {"/nfs/1", "/nfs/2", "/nfs/3"}
    assert answers["/a"] == answers["/b"] == FULL

    server.calls.clear()
    start = time.monotonic()
    assert space.query_space(points).keys() == set(points)
    assert time.monotonic() - start < 0.3  # nothing waits for them again
    assert sorted(server.calls) == ["/a", "/b"]


def test_a_recovered_mount_is_queried_again(space: SpaceQueries, server: Server) -> None:
    assert isinstance(space.query_space(["/nfs/1"])["/nfs/1"], TimeoutError)
    server.there.set()
    deadline = time.monotonic() + 10
    while isinstance(space.query_space(["/nfs/1"])["/nfs/1"], TimeoutError):
        assert time.monotonic() < deadline


def test_paths_are_below_the_hosts_root(server: Server, tmp_path) -> None:
    with World(statvfs=server.statvfs, rootfs=tmp_path) as world:
        world.source(SpaceQueries).query_space(["/", "/srv"])
    assert sorted(server.calls) == [f"{tmp_path}/", f"{tmp_path}/srv"]


def test_threads_end_with_the_world(server: Server) -> None:
    with World(statvfs=server.statvfs) as world:
        world.source(SpaceQueries).query_space(["/"])
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("statvfs") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
