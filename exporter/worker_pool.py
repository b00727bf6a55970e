"""Threads for work that may get stuck in the kernel: a hung mount, a stopped engine, a dead network.

Daemon threads of our own: a ThreadPoolExecutor with one stuck thread never lets the process exit. They are as few
as will do: reading /proc is work for one thread, since the interpreter lets only one run at a time.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_THREADS = 64


class WorkerPool:
    """Daemon threads that take work from one queue; one is added only while the work stands still.

    `keep` threads stay when they are idle, the others leave: threads that read at the same time take the interpreter's
    lock from each other at every system call, which doubles what a scrape costs. A task must not raise.
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
        """Queue a task; it starts at once where a thread is free."""
        self._tasks.put(task)
        if not self._threads:
            self._spawn_worker()

    def count_finished(self) -> int:
        """Return how many tasks have ended so far."""
        return self._finished

    def grow_if_stalled(self) -> None:
        """Add a thread if work is waiting and none has ended since the last look."""
        with self._lock:
            still = self._finished == self._finished_before
            self._finished_before = self._finished
        if still:
            self.grow()

    def grow(self) -> None:
        """Add a thread if work is waiting: all the others are stuck or slow."""
        if not self._tasks.empty():
            self._spawn_worker()

    def close(self) -> None:
        """Let the threads end; one that is stuck ends when it comes back."""
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
            # While it waits for the next one, this frame would keep the task and all that it read.
            del task
            with self._lock:
                self._finished += 1
                if self._idle >= self._keep:
                    self._threads -= 1
                    return
                self._idle += 1
