"""Readings that are too slow for a scrape: made on a separate thread and exported with their age.

A Background reads repeatedly, from the first request until it is closed or nobody has requested the value for five
minutes; the next request starts it again. Only one reading runs at a time; the pause is at least as long as the reading
took, and grows after each failure. A reading expires: if the newest one failed, or the next one is stuck, a request
raises that.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from deckwatch.exporter.sources.errors import drop_tracebacks, safe_message
from deckwatch.exporter.world import NoData, Reading, SourceDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.background")

_FIRST_PAUSE_SECONDS = 5.0  # after a failure; doubled after each further one, up to the usual interval
_MISSED_READINGS = 3  # after this many, the last reading is too old to be exposed
_IDLE_SECONDS = 300.0  # without a request, after which nothing is read for nobody
_JOIN_SECONDS = 0.5
_MAX_REASONS = 5  # that are logged between two successes; a reason may contain numbers that vary

T = TypeVar("T")


class ReadingFailed(SourceDown):
    """The newest reading failed, or the next one is stuck. A reading that raises a subclass fails requests with it."""


class NotReadYet(NoData):
    """The first reading is under way."""


@dataclass(frozen=True)
class _Completed(Generic[T]):
    reading: Reading[T]
    ended: float  # monotonic
    seconds: float


class Background(Generic[T]):
    """Calls `read` every `seconds`, as long as there are requests, and keeps the newest result.

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
        self._fault: type[ReadingFailed] = ReadingFailed  # the class of the newest failure
        self._log_level = logging.WARNING  # of the newest failure
        self._logged_reasons: set[tuple[type, str]] = set()  # since the last success
        self._first_attempt_done = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._started_at = 0.0
        self._requested_at = 0.0

    @property
    def is_closing(self) -> bool:
        """Whether a reading under way should be abandoned."""
        return self._closing.is_set()

    def latest_reading(self) -> Reading[T]:
        """Return the newest value and the time at which it was read.

        Waits for the first reading, up to `first_seconds` after it started; so does the first request after a long time
        without any. Raises NotReadYet before that reading, NoData if there is nothing to read, ReadingFailed or the
        subclass that `read` raised after a failure, ReadingFailed if no reading has ended for too long.
        """
        self._start_thread()
        self._first_attempt_done.wait(max(0.0, self._started_at + self._first_seconds - time.monotonic()))
        with self._lock:
            newest, absent, failures, fault = self._newest, self._absent, self._failures, self._fault
        if absent is not None:
            raise NoData(absent)
        if failures:
            raise fault(f"{self._what} cannot be read")
        if newest is None:
            raise NotReadYet(f"{self._what}: the first reading is under way")
        if self._is_expired(newest):
            raise ReadingFailed(f"the next reading of {self._what} is stuck")
        return newest.reading

    def close(self) -> None:
        """End the thread; one stuck in a call ends with the call."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _is_expired(self, completed: _Completed[T]) -> bool:
        patience = _MISSED_READINGS * max(self._seconds, 2 * completed.seconds)
        return time.monotonic() - completed.ended > patience

    def _start_thread(self) -> None:
        """Record the time of the request, and start the thread if none is running."""
        with self._lock:
            self._requested_at = time.monotonic()
            if self._thread is None and not self._closing.is_set():
                if self._newest is None or self._is_expired(self._newest):
                    self._newest = None
                    self._first_attempt_done.clear()
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
            if self._ends_for_want_of_requests():
                return

    def _ends_for_want_of_requests(self) -> bool:
        """Return whether nobody has requested the value for long; the next request then starts another thread."""
        with self._lock:
            is_idle = time.monotonic() - self._requested_at > _IDLE_SECONDS and not self._closing.is_set()
            if is_idle:
                self._thread = None
            return is_idle

    def _read_once(self, started: float) -> None:
        """Read once, and store the result."""
        at = self._world.age_clock()
        try:
            value = self._read()
        except NoData as nothing:
            self._store_result(absent=str(nothing))
        except Exception as fault:
            if self._closing.is_set():
                return
            # A source that several readings share has logged that already.
            logged = isinstance(fault, SourceDown) and fault.logged
            reason = str(fault) if isinstance(fault, SourceDown) and not fault.logged else safe_message(fault)
            kind = type(fault) if isinstance(fault, ReadingFailed) else ReadingFailed
            if self._is_new_reason(kind, reason):
                self._log_level = logging.DEBUG if logged else logging.WARNING
                log.log(self._log_level, "%s cannot be read: %s", self._what, reason)
            log.debug("%s: %s", self._what, type(fault).__name__, exc_info=True)
            self._store_result(failures=min(self._failures + 1, 100), fault=kind)
            drop_tracebacks(fault)
        else:
            if self._failures:
                log.log(min(self._log_level, logging.INFO), "%s can be read again", self._what)
                self._logged_reasons.clear()
            ended = time.monotonic()
            self._store_result(_Completed(Reading(value, at), ended, ended - started))

    def _is_new_reason(self, kind: type, reason: str) -> bool:
        """Return whether the reason of a failure has not been logged since the last success, and remember it."""
        if not self._failures:
            self._logged_reasons.clear()
        key = (kind, reason)
        if key in self._logged_reasons or len(self._logged_reasons) >= _MAX_REASONS:
            return False
        self._logged_reasons.add(key)
        return True

    def _store_result(
        self,
        newest: _Completed[T] | None = None,
        *,
        absent: str | None = None,
        failures: int = 0,
        fault: type[ReadingFailed] = ReadingFailed,
    ) -> None:
        with self._lock:
            self._newest, self._absent, self._failures, self._fault = newest, absent, failures, fault
