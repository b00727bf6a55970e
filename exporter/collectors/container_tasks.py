"""Threads of containers by state and the load they cause, from /proc/<tid>/stat of all their threads (fs/proc/array.c).

Off by default: a file is read for each thread. An exporter in its own process namespace does not see the containers'
threads, and shows nothing. cAdvisor has these values from a kernel interface for version 1 of control groups, and only
with its flag `--enable_load_reader`; without it they are 0.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    RunningContainer,
    container_metric,
    running_containers,
)
from deckwatch.exporter.collectors._container_lines import write_reading
from deckwatch.exporter.sources import cgroup_values, process
from deckwatch.exporter.sources.files import read_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.world import Reading, World

_LOAD_SECONDS = 10.0
_ENDED = (FileNotFoundError, ProcessLookupError)
# By the letter in stat. A thread that waits for a disk is uninterruptible; stat does not single it out as `iowaiting`.
_STATES = {"R": "running", "S": "sleeping", "I": "sleeping", "D": "uninterruptible", "T": "stopped", "t": "stopped"}

TASKS = container_metric("container_tasks_state", "gauge", "Threads in the container, by state.", "state")
LOAD = container_metric(
    "container_cpu_load_average_10s",
    "gauge",
    "Running threads, in thousandths: an exponential average over 10 seconds of the numbers at each scrape.",
)
BLOCKED_LOAD = container_metric(
    "container_cpu_load_d_average_10s",
    "gauge",
    "Uninterruptible threads, in thousandths: an exponential average over 10 seconds of the numbers at each scrape.",
)

METRICS = (TASKS, LOAD, BLOCKED_LOAD)


class _Tasks(NamedTuple):
    """Threads by cAdvisor's name of their state, and averages of the running and the uninterruptible ones."""

    counts: dict[str, int]
    load: float
    blocked_load: float


@collector(*METRICS, default=False, budget=6 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Threads of each container by state, and averages of the running and the waiting ones."""

    def make_reader(running: RunningContainer) -> Callable[[], _Tasks | None]:
        threads = running.cgroup.make_reader(cgroup_values.TASKS)
        averages = _Averages()

        def read_tasks() -> _Tasks | None:
            counts = count_states(world.procfs, cgroup_values.list_pids(threads()), running.container.pid)
            return None if counts is None else averages.add_counts(counts, time.monotonic())

        return read_tasks

    return write_reading(world, METRICS, running_containers(world), make_reader, _to_samples)


def count_states(procfs: Path, threads: list[int], first: int) -> dict[str, int] | None:
    """Return the number of threads by cAdvisor's name of their state.

    None if `first`, the container's first process, is not among them: the numbers are of another process namespace.
    """
    if first not in threads:
        return None
    letters: Counter[str] = Counter()
    for thread in threads:
        try:
            letters[process.parse_condition(read_once(f"{procfs}/{thread}/stat")).state] += 1
        except _ENDED:
            continue
    counts = dict.fromkeys(_STATES.values(), 0)
    for letter, state in _STATES.items():
        counts[state] += letters[letter]
    return counts


class _Averages:
    """Averages of one container; a number loses the weight 1 - 1/e within _LOAD_SECONDS."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._load = self._blocked_load = 0.0

    def add_counts(self, counts: dict[str, int], now: float) -> _Tasks:
        """Return the averages after these counts, at the monotonic time `now`; the first counts are averages."""
        old = 0.0 if self._at is None else math.exp(-max(0.0, now - self._at) / _LOAD_SECONDS)
        self._at = now
        self._load = old * self._load + (1 - old) * counts["running"]
        self._blocked_load = old * self._blocked_load + (1 - old) * counts["uninterruptible"]
        return _Tasks(counts, self._load, self._blocked_load)


def _to_samples(_: RunningContainer, tasks: _Tasks | None) -> Iterator[ContainerSample]:
    if tasks is None:
        return
    for state, count in tasks.counts.items():
        yield TASKS(count, state)
    yield LOAD(int(1000 * tasks.load))
    yield BLOCKED_LOAD(int(1000 * tasks.blocked_load))
