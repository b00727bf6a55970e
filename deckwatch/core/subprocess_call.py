"""Run a function in a child process, so that a long-lived process does not keep the memory it needed."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def call_in_child(work: Callable[[], T]) -> T:
    """Return the result of `work`, run in a forked child; the result must be picklable.

    Without fork, or while other threads run, `work` runs in this process; also after a failure, so that the exception
    is raised here with its traceback.
    """
    import pickle  # noqa: PLC0415 - most commands have no child

    if not hasattr(os, "fork") or threading.active_count() > 1:
        return work()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with os.fdopen(write_end, "wb") as out:
                pickle.dump(work(), out)
            code = 0
        finally:
            os._exit(code)  # skips the parent's buffers, handlers and exceptions
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        data = stream.read()
    if os.waitpid(child, 0)[1] != 0:
        return work()
    result: T = pickle.loads(data)  # noqa: S301 - from our own child
    return result
