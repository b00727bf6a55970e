"""Threads that answer requests: one each, of which one is kept for the next request, since starting it is not free."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class AnswerThreads:
    """Daemon threads, so that one that hangs does not keep the process from exiting, as an executor's would.

    No task waits for another: there are as many threads as tasks under way. `keep` idle ones stay.
    """

    def __init__(self, name: str, keep: int = 1) -> None:
        self._name = name
        self._keep = keep
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0  # threads that no task in the queue is meant for

    def run_task(self, task: Callable[[], None]) -> None:
        """Run a task, which must not raise, on a thread that does nothing else meanwhile."""
        with self._lock:
            is_idle = self._idle > 0
            self._idle -= is_idle
        self._tasks.put(task)
        if not is_idle:
            threading.Thread(target=self._run_tasks, name=self._name, daemon=True).start()

    def _run_tasks(self) -> None:
        while True:
            task = self._tasks.get()
            task()
            del task  # or it would live, with the page, until the next one
            with self._lock:
                if self._idle >= self._keep:
                    return
                self._idle += 1
