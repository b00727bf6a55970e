"""One thread with an event loop, for work that only waits for a network: hundreds of connections side by side."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Coroutine

    from deckwatch.exporter.world import World

T = TypeVar("T")


class EventLoop(Source):
    """An asyncio loop on a daemon thread, which starts with the first task; a Source of the World."""

    def __init__(self, _world: World) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run_forever, name="loop", daemon=True).start()

    def start_task(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start a coroutine on the loop, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run_task(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return its result; blocks, so call it from another thread."""
        return self.start_task(work).result()

    def close(self) -> None:
        """Cancel all tasks and end the thread."""
        self._loop.call_soon_threadsafe(self._cancel_tasks)

    def _cancel_tasks(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_soon(self._loop.call_soon, self._loop.stop)  # after the tasks have seen that

    def _run_forever(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
