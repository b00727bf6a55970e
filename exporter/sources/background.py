"""Readings that are too slow for a scrape: made on a separate thread and exported with their age.

A Background reads repeatedly, from the first request until it is closed. Only one reading runs at a time; the pause is
at least as long as the reading took, and grows after each failure. A reading expires: if the newest one failed, or the
next one is stuck, a request raises that.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.world import NoData, Reading, SourceDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.background")

_FIRST_PAUSE_SECONDS = 5.0  # after a failure; doubled after each further one, up to the usual interval
_MISSED_READINGS = 3  # after this many, the last reading is too old to be exposed
_JOIN_SECONDS = 0.5

T = TypeVar("T")


class ReadingFailed(SourceDown):
    """The newest reading failed, or the next one is stuck."""


class NotReadYet(NoData):
    """The first reading is under way."""


@dataclass(frozen=True)
class _Completed(Generic[T]):
    reading: Reading[T]
    ended: float  # monotonic
    seconds: float


class Background(Generic[T]):
    """Calls `read` every `seconds` and keeps the newest result.

    `what` names it in messages. `read` may raise NoData, whose text is passed on; any other exception is a failure.
    """

    def __init__(
        self, world: World, what: str, read: Callable[[], T], *, seconds: float, first_seconds: float = 0.0
    ) -> None:
        self._world = world
        self._what = what
        self._read = read
        self._seconds = seconds
        self._first_seconds = first_seconds
        self._newest: _Completed[T] | None = None
        self._absent: str | None = None  # why there is nothing to read
        self._failures = 0  # consecutive
        self._first_attempt_done = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._started_at = 0.0

    @property
    def is_closing(self) -> bool:
        """Whether a reading under way should be abandoned."""
        return self._closing.is_set()

    def latest_reading(self) -> Reading[T]:
        """Return the newest value and the time at which it was read.

        Waits for the first reading, up to `first_seconds` after it started. Raises NotReadYet before it, NoData if
        there is nothing to read, ReadingFailed after a failure or if no reading has ended for too long.
        """
        self._start_thread()
        self._first_attempt_done.wait(max(0.0, self._started_at + self._first_seconds - time.monotonic()))
        with self._lock:
            newest, absent, failures = self._newest, self._absent, self._failures
        if absent is not None:
            raise NoData(absent)
        if failures:
            raise ReadingFailed(f"{self._what} cannot be read")
        if newest is None:
            raise NotReadYet(f"{self._what}: the first reading is under way")
        patience = _MISSED_READINGS * max(self._seconds, 2 * newest.seconds)
        if time.monotonic() - newest.ended > patience:
            raise ReadingFailed(f"the next reading of {self._what} is stuck")
        return newest.reading

    def close(self) -> None:
        """End the thread; one stuck in a call ends with the call."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._started_at = time.monotonic()
                self._thread = threading.Thread(target=self._read_repeatedly, name="background", daemon=True)
                self._thread.start()

    def _read_repeatedly(self) -> None:
        while not self._closing.is_set():
            started = time.monotonic()
            self._read_once(started)
            self._first_attempt_done.set()
            took = time.monotonic() - started
            if self._failures:
                pause = min(self._seconds, _FIRST_PAUSE_SECONDS * 2.0 ** (self._failures - 1))
            else:
                pause = self._seconds - took
            self._closing.wait(max(pause, took))

    def _read_once(self, started: float) -> None:
        """Read once, and store the result."""
        at = self._world.clock()
        try:
            value = self._read()
        except NoData as nothing:
            self._store_result(absent=str(nothing))
        except Exception as fault:
            if self._closing.is_set():
                return
            if not self._failures:
                log.warning("%s cannot be read: %s", self._what, safe_message(fault))
            log.debug("%s: %s", self._what, type(fault).__name__, exc_info=True)
            self._store_result(failures=min(self._failures + 1, 100))
        else:
            if self._failures:
                log.info("%s can be read again", self._what)
            ended = time.monotonic()
            self._store_result(_Completed(Reading(value, at), ended, ended - started))

    def _store_result(
        self, newest: _Completed[T] | None = None, *, absent: str | None = None, failures: int = 0
    ) -> None:
        with self._lock:
            self._newest, self._absent, self._failures = newest, absent, failures
