from __future__ import annotations

import os
import threading

import pytest

from deckwatch.core.apart import apart


def test_the_work_is_done_in_another_process():
    mark: list[int] = []
    pid, answer = apart(lambda: (os.getpid(), mark.append(1) or "done"))
    assert answer == "done"
    assert pid != os.getpid()
    assert mark == []
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # nothing is left of it


def test_a_failure_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0)


def test_what_cannot_be_handed_over_is_done_here():
    assert apart(lambda: lambda: 7)() == 7


def test_beside_other_threads_nothing_is_forked():
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert apart(os.getpid) == os.getpid()
    finally:
        stop.set()
        other.join()
