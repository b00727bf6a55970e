from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from deckwatch.core.subprocess_call import call_in_child

PROGRAM = """
import os
from deckwatch.core.subprocess_call import call_in_child

mark = []
pid, result = call_in_child(lambda: (os.getpid(), mark.append(1) or "done"))
print(result, pid != os.getpid(), mark)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child left")
print(call_in_child(lambda: lambda: 7)())
"""


def test_the_work_runs_in_another_process():
    # Run in its own process: nothing is forked while threads of other tests run.
    completed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20, check=False)
    assert completed.stdout == "done True []\nno child left\n7\n", completed.stderr


def test_a_failure_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        call_in_child(lambda: 1 // 0)


def test_nothing_is_forked_while_other_threads_run():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert call_in_child(os.getpid) == os.getpid()
    finally:
        stop.set()
        thread.join()
