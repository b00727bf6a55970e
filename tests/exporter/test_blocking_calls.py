"""Calls that block hold up neither the loop nor each other, even if they never end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from deckwatch.exporter.sources.blocking_calls import BlockingCalls
from deckwatch.exporter.sources.errors import StillRunning
from deckwatch.exporter.world import World


@pytest.fixture
def release():
    event = threading.Event()
    yield event
    event.set()


def run(work):
    with contextlib.closing(World()) as world:
        return asyncio.run(work(world.source(BlockingCalls)))


def test_results_and_errors_are_those_of_the_call():
    async def work(calls):
        assert await calls.run_call("a", lambda: 7, 5) == 7
        with pytest.raises(KeyError):
            await calls.run_call("a", lambda: {}["b"], 5)
        return await calls.run_call("a", threading.get_ident, 5)

    assert run(work) != threading.get_ident()


def test_a_call_that_hangs_is_not_repeated_and_holds_up_no_other(release):
    started, discarded = [], []

    def hang():
        started.append(1)
        release.wait(20)
        return 5

    async def work(calls):
        async def expect(error, key):
            with pytest.raises(error):
                await calls.run_call(key, hang, 0.05, discarded.append)

        await asyncio.gather(*(expect(TimeoutError, str(number)) for number in range(20)))
        await asyncio.gather(*(expect(StillRunning, str(number)) for number in range(20)))
        assert len(started) <= 20
        assert await calls.run_call("other", lambda: 7, 5) == 7  # TimeoutError, if it waited for those that hang
        release.set()
        assert await calls.run_call("0", lambda: 8, 5) == 8, "the one before has ended"

    run(work)
    assert discarded.count(5) >= 1


def test_a_few_calls_run_at_a_time():
    running, counts, lock = set(), [], threading.Lock()

    def call():
        with lock:
            running.add(threading.get_ident())
            counts.append(len(running))
        time.sleep(0.005)
        with lock:
            running.discard(threading.get_ident())

    async def work(calls):
        await asyncio.gather(*(calls.run_call(str(number), call, 5) for number in range(200)))

    run(work)
    assert 1 < max(counts) <= 8
