"""Calls that block, for coroutines of the World's EventLoop: a few at a time, on threads and with a time limit."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from deckwatch.exporter.sources.errors import StillRunning
from deckwatch.exporter.task_threads import TaskThreads
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.world import World

T = TypeVar("T")

_AT_A_TIME = 8


class BlockingCalls(Source):
    """Threads for calls of one kind; a Source of the World, whose coroutines run on its EventLoop only.

    A call that exceeds its limit goes on, since a thread cannot be ended, but no longer counts as one of those at a
    time. Another one with its key waits for its end, so that stuck calls do not pile up.
    """

    def __init__(self, _world: World) -> None:
        self._slots = asyncio.Semaphore(_AT_A_TIME)
        self._threads = TaskThreads("call", most=_AT_A_TIME)
        self._ends: dict[str, asyncio.Event] = {}  # of the calls under way, by key

    def close(self) -> None:
        """End the threads that are not stuck."""
        self._threads.close()

    async def run_call(
        self, key: str, call: Callable[[], T], seconds: float, discard: Callable[[T], None] | None = None
    ) -> T:
        """Return the result of a call, or raise its exception; the limit begins with its turn.

        `discard` receives a result that comes too late. Raises TimeoutError, and StillRunning if the call before with
        this key does not end.
        """
        async with self._slots:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + seconds
            while key in self._ends:
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._ends[key].wait()
                except TimeoutError:
                    raise StillRunning from None
            future: asyncio.Future[T] = loop.create_future()
            ended = self._ends[key] = asyncio.Event()

            def end_call(settle: Callable[[Any], None], result: Any, *, is_error: bool) -> None:
                del self._ends[key]
                ended.set()
                if not future.done():
                    settle(result)
                elif discard is not None and not is_error:
                    discard(result)

            def run() -> None:
                settle: Callable[[Any], None] = future.set_result
                result: Any
                try:
                    result, is_error = call(), False
                except Exception as fault:  # noqa: BLE001 - raised where the result is awaited
                    settle, result, is_error = future.set_exception, fault, True
                with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody awaits the result
                    loop.call_soon_threadsafe(lambda: end_call(settle, result, is_error=is_error))

            self._threads.run_task(run)
            async with asyncio.timeout_at(deadline):
                return await future
