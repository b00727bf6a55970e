from __future__ import annotations

import threading

import pytest

from deckwatch.exporter.world import World

closed: list[str] = []


class First:
    def __init__(self, world: World) -> None:
        self.world = world

    def close(self) -> None:
        closed.append("first")


class Second:
    def __init__(self, world: World) -> None:
        self.first = world.source(First)

    def close(self) -> None:
        closed.append("second")
        raise OSError("it cannot be closed")


class Slow:
    count = 0
    opening = threading.Event()
    released = threading.Event()

    def __init__(self, _world: World) -> None:
        type(self).count += 1
        self.opening.set()
        self.released.wait(10)

    def close(self) -> None:
        pass


def test_a_source_is_opened_once_and_closed_newest_first():
    closed.clear()
    world = World()
    second = world.source(Second)
    assert world.source(Second) is second
    assert world.source(First) is second.first
    with pytest.raises(OSError, match="it cannot be closed"):
        world.close()
    assert closed == ["second", "first"]
    world.close()
    assert closed == ["second", "first"]


def test_a_source_that_opens_slowly_delays_only_its_users():
    with World() as world:
        sources: list[Slow] = []
        threads = [threading.Thread(target=lambda: sources.append(world.source(Slow))) for _ in range(3)]
        for thread in threads:
            thread.start()
        Slow.opening.wait(5)
        world.source(First)
        assert not sources
        Slow.released.set()
        for thread in threads:
            thread.join()
        assert Slow.count == 1
        assert len({id(source) for source in sources}) == 1
