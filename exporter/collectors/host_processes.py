"""Processes and threads by state, from /proc/<pid>/stat and /proc/<pid>/task (fs/proc/array.c)."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import process, procfs
from deckwatch.exporter.sources.files import read_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_gauge(name: str, about: str, *labels: str) -> Metric:
    return Metric(f"node_processes_{name}", "gauge", about, labels)


PIDS = _declare_gauge("pids", "Processes.")
THREADS = _declare_gauge("threads", "Threads of all processes.")
STATE = _declare_gauge(
    "state", "Processes by the letter of their state (R runs, S sleeps, D waits for a disk, …).", "state"
)
THREADS_STATE = _declare_gauge("threads_state", "Threads by the letter of their state.", "thread_state")
MAX_PROCESSES = _declare_gauge("max_processes", "Highest number that a process can have (pid_max).")
MAX_THREADS = _declare_gauge("max_threads", "Most threads that the machine allows.")


@collector(PIDS, THREADS, STATE, THREADS_STATE, MAX_PROCESSES, MAX_THREADS, default=False, peer="node:processes")
def collect(world: World) -> Iterator[Sample]:
    """Processes and threads by state; reads a file for each thread, so it takes long where there are very many."""
    pids = threads = 0
    states: Counter[str] = Counter()
    of_threads: Counter[str] = Counter()
    for pid in _list_numbers(str(world.procfs)):
        found = _read_condition(f"{world.procfs}/{pid}/stat")
        if found is None:
            continue
        pids += 1
        threads += found.threads
        states[found.state] += 1
        if found.threads <= 1:
            of_threads[found.state] += 1
            continue
        tasks = f"{world.procfs}/{pid}/task"
        of_threads.update(
            one.state for task in _list_numbers(tasks) if (one := _read_condition(f"{tasks}/{task}/stat"))
        )
    yield PIDS(pids)
    yield THREADS(threads)
    for state, count in sorted(states.items()):
        yield STATE(count, state)
    for state, count in sorted(of_threads.items()):
        yield THREADS_STATE(count, state)
    yield MAX_PROCESSES(procfs.parse_numbers(procfs.read_proc(world, "sys/kernel/pid_max"))[0])
    yield MAX_THREADS(procfs.parse_numbers(procfs.read_proc(world, "sys/kernel/threads-max"))[0])


def _list_numbers(folder: str) -> list[str]:
    """Return the processes or threads in a folder of /proc; none where it has just ended."""
    try:
        return [name for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208 - a Path costs 2 µs each
    except (FileNotFoundError, ProcessLookupError):
        return []


def _read_condition(path: str) -> process.Condition | None:
    """Return what a stat file says; None where its process or thread has just ended."""
    try:
        return process.parse_condition(read_once(path))
    except (FileNotFoundError, ProcessLookupError):
        return None
