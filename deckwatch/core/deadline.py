"""Calls with a time limit for the whole, where libraries limit only each wait for the network."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def run_before_deadline(work: Callable[[], T], seconds: float) -> T:
    """Return the result of `work()`, or raise what it raises; TimeoutError if it has not ended after `seconds`.

    It runs on a daemon thread, since neither the search for a host's name nor a server that sends a byte a second can
    be limited otherwise. After a timeout the thread goes on: the caller ends what it waits for.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised by the caller
            errors.append(error)

    thread = threading.Thread(target=run, name="query", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"it took longer than {seconds:g} s")
    return results[0]
