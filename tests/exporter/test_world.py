from __future__ import annotations

import threading
import time

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
    made = 0
    begun = threading.Event()

    def __init__(self, _world: World) -> None:
        type(self).made += 1
        self.begun.set()
        time.sleep(0.3)

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
        found: list[Slow] = []
        threads = [threading.Thread(target=lambda: found.append(world.source(Slow))) for _ in range(3)]
        for thread in threads:
            thread.start()
        Slow.begun.wait(5)
        begun = time.monotonic()
        world.source(First)
        assert time.monotonic() - begun < 0.2
        for thread in threads:
            thread.join()
        assert Slow.made == 1
        assert len({id(source) for source in found}) == 1
