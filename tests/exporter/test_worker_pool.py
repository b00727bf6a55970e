from __future__ import annotations

import threading
import time
import weakref

from deckwatch.exporter import worker_pool
from deckwatch.exporter.worker_pool import WorkerPool


def wait_until(holds, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def threads_of(name: str) -> int:
    return sum(thread.name.startswith(f"{name}-") for thread in threading.enumerate())


def test_short_tasks_use_one_thread():
    ours = WorkerPool("quick")
    for _ in range(50):
        ours.submit(lambda: None)
    wait_until(lambda: ours.count_finished() == 50)
    ours.grow()  # nothing waits
    assert threads_of("quick") == 1
    ours.close()
    wait_until(lambda: threads_of("quick") == 0)


def test_a_stuck_thread_is_replaced_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(worker_pool, "_MAX_THREADS", 3)
    ours, release = WorkerPool("stuck"), threading.Event()
    for _ in range(5):
        ours.submit(lambda: release.wait(10))
    for expected in (2, 3, 3):
        time.sleep(0.02)
        ours.grow()
        assert threads_of("stuck") == expected
    release.set()
    wait_until(lambda: ours.count_finished() == 5)
    ours.close()
    wait_until(lambda: threads_of("stuck") == 0)


def test_an_idle_thread_holds_no_reference_to_its_last_task():
    class Task:
        def __call__(self) -> None:
            pass

    ours, task = WorkerPool("idle"), Task()
    gone = weakref.ref(task)
    ours.submit(task)
    del task
    wait_until(lambda: ours.count_finished() == 1)
    assert gone() is None
    ours.close()
