"""Threads of a container by state, and the averages of their numbers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deckwatch.exporter.collectors import container_tasks
from deckwatch.exporter.collectors.container_tasks import count_states

NONE = {"running": 0, "sleeping": 0, "uninterruptible": 0, "stopped": 0}


def write_thread(procfs: Path, number: int, letter: str) -> None:
    (procfs / str(number)).mkdir()
    (procfs / f"{number}/stat").write_text(f"{number} (a) b) {letter} {'0 ' * 49}\n")


def test_threads_are_counted_by_state(tmp_path: Path) -> None:
    for number, letter in enumerate("RRSIDTtZX", start=10):
        write_thread(tmp_path, number, letter)
    counts = count_states(tmp_path, [*range(10, 19), 99], 10)  # 99 has just ended
    assert counts == {"running": 2, "sleeping": 2, "uninterruptible": 1, "stopped": 2}


@pytest.mark.parametrize("threads", [[], [0, 0], [11, 12]])
def test_threads_of_another_process_namespace_are_not_counted(tmp_path: Path, threads: list[int]) -> None:
    write_thread(tmp_path, 11, "R")
    assert count_states(tmp_path, threads, 10) is None


def test_the_own_process_is_counted() -> None:
    threads = [int(name) for name in os.listdir("/proc/self/task")]  # noqa: PTH208 - names, not paths
    counts = count_states(Path("/proc"), threads, os.getpid())
    assert counts is not None
    assert sum(counts.values()) == len(threads)
    assert counts["running"] >= 1


def test_an_average_forgets_within_ten_seconds() -> None:
    averages = container_tasks._Averages()
    assert averages.add_counts(NONE | {"running": 4, "uninterruptible": 1}, 100.0)[1:] == (4, 1)
    assert averages.add_counts(NONE, 110.0)[1:] == pytest.approx((4 / 2.71828, 1 / 2.71828), rel=1e-4)
    assert averages.add_counts(NONE, 200.0).load < 0.001
    assert averages.add_counts(NONE | {"running": 2}, 199.0).load < 0.001  # a clock never goes back
