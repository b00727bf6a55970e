"""Threads for tasks that may hang, such as answering a request; one is kept, since starting it is not free."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STALLED_SECONDS = 0.02  # tasks that wait for threads of which none ends for this long get one more


class TaskThreads:
    """Daemon threads, so that one that hangs does not keep the process from exiting, as an executor's would.

    Up to `most` tasks run at a time. Further ones wait: hundreds of requests that take a millisecond each need no
    hundreds of threads. Only while none ends are threads added, so that no task waits for those that hang. `keep` idle
    threads stay.
    """

    def __init__(self, name: str, keep: int = 1, most: int = 8) -> None:
        self._name = name
        self._keep = keep
        self._most = most
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0  # threads that no task in the queue is meant for
        self._waiting = 0  # tasks that no thread is meant for yet
        self._finished = 0
        self._is_watched = False

    def run_task(self, task: Callable[[], None]) -> None:
        """Run a task, which must not raise."""
        with self._lock:
            self._tasks.put(task)
            if self._idle:
                self._idle -= 1
                return
            is_waiting = self._threads >= self._most
            if not is_waiting:
                self._threads += 1
            else:
                self._waiting += 1
                if self._is_watched:
                    return
                self._is_watched = True
        self._start_thread(self._watch_tasks if is_waiting else self._run_tasks)

    def close(self) -> None:
        """End the idle threads; a busy one ends with its task."""
        with self._lock:
            self._keep = 0
            idle, self._idle = self._idle, 0
        for _ in range(idle):
            self._tasks.put(lambda: None)

    def _start_thread(self, run: Callable[[], None]) -> None:
        threading.Thread(target=run, name=self._name, daemon=True).start()

    def _watch_tasks(self) -> None:
        """Add a thread whenever none has ended its task for a while, as long as tasks wait."""
        finished_before = -1
        while True:
            time.sleep(_STALLED_SECONDS)
            with self._lock:
                if not self._waiting:
                    self._is_watched = False
                    return
                is_stalled = self._finished == finished_before
                finished_before = self._finished
                if is_stalled:
                    self._threads += 1
                    self._waiting -= 1
            if is_stalled:
                self._start_thread(self._run_tasks)

    def _run_tasks(self) -> None:
        while True:
            task = self._tasks.get()
            task()
            del task  # or it would live, with the page, until the next one
            with self._lock:
                self._finished += 1
                if self._waiting:
                    self._waiting -= 1
                elif self._idle >= self._keep:
                    self._threads -= 1
                    return
                else:
                    self._idle += 1
