"""Follows the logs of a service on a thread of its own, and publishes counters only after they are stored.

A counter that was published before a crash but not stored would fall at the next start, which Prometheus takes for a
reset; so a reader of the page sees nothing that the state does not have.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from deckwatch.exporter.sources.errors import drop_tracebacks, safe_message
from deckwatch.exporter.sources.logs.service import ServiceLogs, ServiceSettings, load_stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.sources.logs.state import StateFile
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.logs")

_FIRST_SECONDS = 2.0  # for which the first request waits
_JOIN_SECONDS = 1.0
_IDLE_READINGS = 5  # without new lines, after which an error's exception is no longer expected
_WORK_SHARE = 0.02  # of the time, at most, for storing
_MAX_COMMIT_PAUSE = 10.0

T = TypeVar("T")


@dataclass(frozen=True)
class Published(Generic[T]):
    """What a reading has found: `value` is made of the counters, at a time of World.age_clock; None if unknown.

    `faults` are the reasons why files cannot be read or the state cannot be stored, by path; `missing` are the paths
    and containers of which there is nothing.
    """

    value: T | None
    at: float
    file_count: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class Follower(Generic[T]):
    """The thread that reads one service's logs. `render` makes the published value of the counters."""

    def __init__(
        self,
        world: World,
        name: str,
        settings: ServiceSettings,
        state: StateFile,
        render: Callable[[ServiceLogs], T],
        *,
        seconds: float = 1.0,
    ) -> None:
        self._world = world
        self._name = name
        self._settings = settings
        self._state = state
        self._render = render
        self._seconds = seconds
        self._newest: Published[T] | None = None
        self._logged: dict[str, str] = {}
        self._first = threading.Event()
        self._closing = threading.Event()
        self._stored: object = None  # what identifies the state that was stored last
        self._thread = threading.Thread(target=self._run_loop, name="logs", daemon=True)
        self._thread.start()

    def newest(self) -> Published[T] | None:
        """Return the newest publication; None while the first reading is under way."""
        if self._newest is None:
            self._first.wait(_FIRST_SECONDS)
        return self._newest

    def close(self) -> None:
        """Store the state and end the thread; one stuck in a call ends with the call."""
        self._closing.set()
        self._thread.join(_JOIN_SECONDS)

    def _run_loop(self) -> None:
        logs = ServiceLogs(self._settings)
        is_ours = False
        try:
            while not is_ours:
                is_ours = self._take_over(logs)
                if not is_ours:
                    self._first.set()
                    if self._closing.wait(max(self._seconds, 1.0)):
                        return
            self._follow_logs(logs)
        finally:
            logs.close()
            self._state.release()

    def _take_over(self, logs: ServiceLogs) -> bool:
        """Return whether this process may read: not while another one does, whose counters are shown instead."""
        fault = ""
        try:
            if self._state.acquire():
                load_stored(logs, self._state, self._name)
                return True
            load_stored(other := ServiceLogs(self._settings), self._state, self._name)
            other.file_count = 1  # which files there are is the other process's business
            self._publish_counters(other, self._world.age_clock(), {})
        except OSError as error:
            fault = safe_message(error)
        if fault:
            # Without a state, a restart would lose lines or count them twice; so nothing is counted at all. Counters
            # from zero would be worse than none: once the state can be read, they would seem to jump.
            self._publish_counters(
                None, self._world.age_clock(), {str(self._state.path.parent): f"cannot be written: {fault}"}
            )
        return False

    def _follow_logs(self, logs: ServiceLogs) -> None:
        idle = 0
        while True:
            started = time.monotonic()
            at = self._world.age_clock()
            before = logs.progress().lines
            is_closing = self._closing.is_set()
            more, faults = False, {}
            try:
                more = logs.read_new()
                faults = logs.faults
            except Exception as fault:
                faults = {self._name: safe_message(fault)}
                log.debug("logs of %s", self._name, exc_info=True)
                drop_tracebacks(fault)
            idle = 0 if logs.progress().lines != before else idle + 1
            if idle == _IDLE_READINGS:
                logs.messages.end_pending()
            took = self._commit_state(logs, at, faults)
            if is_closing:
                return
            if not more:
                pause = min(_MAX_COMMIT_PAUSE, max(self._seconds, took / _WORK_SHARE))
                self._closing.wait(max(0.01, pause - (time.monotonic() - started)))

    def _commit_state(self, logs: ServiceLogs, at: float, faults: dict[str, str]) -> float:
        """Store the state and publish the counters; return how many seconds that took."""
        started = time.monotonic()
        identity = logs.identify_state()
        newest = self._newest
        if newest is not None and (identity, faults, logs.missing) == (self._stored, self._logged, newest.missing):
            self._newest = replace(newest, at=at)
            return 0.0
        if identity != self._stored:
            try:
                self._state.write(logs.to_state())
                self._stored = identity
            except OSError as fault:  # counting goes on: a restart would then count some lines again
                faults = {**faults, str(self._state.path): f"cannot be written: {safe_message(fault)}"}
        self._publish_counters(logs, at, faults)
        return time.monotonic() - started

    def _publish_counters(self, logs: ServiceLogs | None, at: float, faults: dict[str, str]) -> None:
        for path, reason in faults.items():
            if self._logged.get(path) != reason:
                log.warning("log of %s: %s: %s", self._name, path, reason)
        self._logged = faults
        if logs is None:
            self._newest = Published(None, at, faults=faults)
        else:
            known = self._newest.missing if self._newest else []
            for path in logs.missing:
                if path not in known:
                    log.warning("log of %s: %s does not exist", self._name, path)
            self._newest = Published(
                self._render(logs), at, logs.file_count, faults, logs.examples(), list(logs.missing)
            )
        self._first.set()
