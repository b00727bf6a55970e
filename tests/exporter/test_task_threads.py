from __future__ import annotations

import threading
import weakref

from deckwatch.exporter.task_threads import TaskThreads


def threads_of(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def run_and_wait(threads: TaskThreads) -> int:
    """Run a task and return the id of its thread."""
    done, found = threading.Event(), []
    threads.run_task(lambda: (found.append(threading.get_ident()), done.set()))
    assert done.wait(5)
    return found[0]


def wait_idle(threads: TaskThreads, count: int) -> None:
    for _ in range(1000):
        with threads._lock:
            if threads._idle == count:
                return
        threading.Event().wait(0.005)
    raise AssertionError(threads._idle)


def test_tasks_in_a_row_share_a_thread():
    threads = TaskThreads("row")
    used = set()
    for _ in range(5):
        used.add(run_and_wait(threads))
        wait_idle(threads, 1)
    assert len(used) == 1
    assert threads_of("row") == 1


def test_many_short_tasks_share_a_few_threads():
    threads, most, done = TaskThreads("short", most=4), [], threading.Semaphore(0)

    def work() -> None:
        most.append(threads_of("short"))
        threading.Event().wait(0.001)
        done.release()

    for _ in range(300):
        threads.run_task(work)
    assert all(done.acquire(timeout=5) for _ in range(300))
    assert max(most) <= 4 + 1, "and the one that watches whether they are stuck"
    wait_idle(threads, 1)


def test_no_task_waits_for_one_that_hangs():
    threads, release = TaskThreads("held"), threading.Event()
    entered = [threading.Event() for _ in range(20)]
    for event in entered:
        threads.run_task(lambda event=event: (event.set(), release.wait(10)))
    assert all(event.wait(5) for event in entered)
    run_and_wait(threads)
    release.set()
    wait_idle(threads, 1)
    for _ in range(1000):
        if threads_of("held") == 1:
            break
        threading.Event().wait(0.005)
    assert threads_of("held") == 1, "the others have ended"


def test_no_thread_stays_after_the_end():
    threads, release, entered = TaskThreads("ended", keep=2), threading.Event(), threading.Event()
    run_and_wait(threads)
    wait_idle(threads, 1)
    threads.run_task(lambda: (entered.set(), release.wait(10)))
    assert entered.wait(5)
    run_and_wait(threads)
    wait_idle(threads, 1)
    assert threads_of("ended") == 2
    threads.close()
    release.set()
    for thread in threading.enumerate():
        if thread.name == "ended":
            thread.join(5)
    assert threads_of("ended") == 0
    run_and_wait(threads)  # a late task runs all the same


def test_a_task_is_freed_when_it_has_ended():
    class Task:
        def __call__(self) -> None:
            pass

    threads, task = TaskThreads("freed"), Task()
    gone = weakref.ref(task)
    threads.run_task(task)
    del task
    wait_idle(threads, 1)
    assert gone() is None
