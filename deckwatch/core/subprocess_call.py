"""Work in a child process, so that a process that lives long does not keep what the work needed."""

from __future__ import annotations

import os
import pickle
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def call_in_child(work: Callable[[], T]) -> T:
    """Return what `work` returns, run in a forked child; what it returns must be of plain values (pickle).

    Where there is no fork, or other threads run already, it is run here; also after a failure, which is thus raised
    here, with its traceback.
    """
    if not hasattr(os, "fork") or threading.active_count() > 1:
        return work()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with os.fdopen(writing, "wb") as out:
                pickle.dump(work(), out)
            code = 0
        finally:
            os._exit(code)  # without the parent's buffers, handlers and exceptions
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        data = answer.read()
    if os.waitpid(child, 0)[1] != 0:
        return work()
    result: T = pickle.loads(data)  # noqa: S301 - from our own child
    return result
