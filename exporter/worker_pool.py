"""A pool of threads for work that may get stuck in the kernel: a hung mount, a stopped engine, a dead network.

The threads are daemons, since a ThreadPoolExecutor with one stuck thread keeps the process from exiting. There are as
few as possible: reading /proc keeps one thread busy, since the interpreter runs only one at a time.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_THREADS = 64


class WorkerPool:
    """Daemon threads that take tasks from one queue; one is added only while no task ends.

    `keep` idle threads are kept, the others end: threads that read at the same time contend for the interpreter's lock
    at every system call, which doubles the cost of a scrape. A task must not raise.
    """

    def __init__(self, name: str = "collect", keep: int = 1) -> None:
        self._name = name
        self._keep = keep
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._finished = 0
        self._finished_before = 0

    def submit(self, task: Callable[[], None]) -> None:
        """Queue a task; it starts at once if a thread is idle."""
        self._tasks.put(task)
        if not self._threads:
            self._spawn_worker()

    def count_finished(self) -> int:
        """Return the number of tasks that have ended."""
        return self._finished

    def grow_if_stalled(self) -> None:
        """Add a thread if tasks are waiting and none has ended since the last call."""
        with self._lock:
            stalled = self._finished == self._finished_before
            self._finished_before = self._finished
        if stalled:
            self.grow()

    def grow(self) -> None:
        """Add a thread if tasks are waiting, since all others are stuck or slow."""
        if not self._tasks.empty():
            self._spawn_worker()

    def close(self) -> None:
        """End the threads; a stuck one ends when its task returns."""
        for _ in range(self._threads):
            self._tasks.put(None)

    def _spawn_worker(self) -> None:
        with self._lock:
            if self._threads >= _MAX_THREADS:
                return
            self._threads += 1
            self._idle += 1
            name = f"{self._name}-{self._threads}"
        threading.Thread(target=self._run_tasks, name=name, daemon=True).start()

    def _run_tasks(self) -> None:
        while (task := self._tasks.get()) is not None:
            with self._lock:
                self._idle -= 1
            task()
            # Otherwise this frame would keep the task and its data alive while waiting for the next one.
            del task
            with self._lock:
                self._finished += 1
                if self._idle >= self._keep:
                    self._threads -= 1
                    return
                self._idle += 1
