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


def _declare_gauge(name: str, help_text: str, *labels: str) -> Metric:
    return Metric(f"node_processes_{name}", "gauge", help_text, labels)


PIDS = _declare_gauge("pids", "Number of processes.")
THREADS = _declare_gauge("threads", "Number of threads of all processes.")
STATE = _declare_gauge("state", "Processes by state (R running, S sleeping, D waiting for I/O, …).", "state")
THREADS_STATE = _declare_gauge("threads_state", "Threads by state.", "thread_state")
MAX_PROCESSES = _declare_gauge("max_processes", "Highest process id (pid_max).")
MAX_THREADS = _declare_gauge("max_threads", "Maximum number of threads.")


@collector(
    PIDS,
    THREADS,
    STATE,
    THREADS_STATE,
    MAX_PROCESSES,
    MAX_THREADS,
    default=False,
    peer="node:processes",
    needs="proc/sys/kernel/pid_max",
    files=("proc/sys/kernel/threads-max",),
)
def collect(world: World) -> Iterator[Sample]:
    """Processes and threads by state; slow with very many threads, because it reads a file for each."""
    pids = threads = 0
    states: Counter[str] = Counter()
    thread_states: Counter[str] = Counter()
    for pid in _list_numbers(str(world.procfs)):
        condition = _read_condition(f"{world.procfs}/{pid}/stat")
        if condition is None:
            continue
        pids += 1
        threads += condition.threads
        states[condition.state] += 1
        if condition.threads <= 1:
            thread_states[condition.state] += 1
            continue
        tasks = f"{world.procfs}/{pid}/task"
        thread_states.update(
            thread.state for task in _list_numbers(tasks) if (thread := _read_condition(f"{tasks}/{task}/stat"))
        )
    yield PIDS(pids)
    yield THREADS(threads)
    for state, count in sorted(states.items()):
        yield STATE(count, state)
    for state, count in sorted(thread_states.items()):
        yield THREADS_STATE(count, state)
    yield MAX_PROCESSES(procfs.parse_numbers(procfs.read_proc(world, "sys/kernel/pid_max"))[0])
    yield MAX_THREADS(procfs.parse_numbers(procfs.read_proc(world, "sys/kernel/threads-max"))[0])


def _list_numbers(folder: str) -> list[str]:
    """Return the process or thread ids in a folder of /proc; empty where the process has just ended."""
    try:
        return [name for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208 - a Path costs 2 µs each
    except (FileNotFoundError, ProcessLookupError):
        return []


def _read_condition(path: str) -> process.Condition | None:
    """Return state and threads from a stat file; None where the process or thread has just ended."""
    try:
        return process.parse_condition(read_once(path))
    except (FileNotFoundError, ProcessLookupError):
        return None
