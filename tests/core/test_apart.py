from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from deckwatch.core.subprocess_call import call_in_child

PROGRAM = """
import os
from deckwatch.core.subprocess_call import apart

mark = []
pid, answer = apart(lambda: (os.getpid(), mark.append(1) or "done"))
print(answer, pid != os.getpid(), mark)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("nothing is left")
print(apart(lambda: lambda: 7)())
"""


def test_the_work_is_done_in_another_process():
    # In a process of its own: beside the threads of other tests nothing would be forked.
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20, check=False)
    assert ran.stdout == "done True []\nnothing is left\n7\n", ran.stderr


def test_a_failure_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        call_in_child(lambda: 1 // 0)


def test_beside_other_threads_nothing_is_forked():
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert call_in_child(os.getpid) == os.getpid()
    finally:
        stop.set()
        other.join()
