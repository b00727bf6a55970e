"""A run: one execution of one collector for one subject."""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.outcome import Failure, Outcome
    from deckwatch.exporter.world import Reading, World

    Result = Iterable[Sample | Lines] | Reading[Iterable[Sample | Lines]]


_LOCK = threading.Lock()  # of the events of all runs, held for moments


class Plan(NamedTuple):
    """A collector to run, and the name and value of its subject. With `failure`, how it ends is known without a run."""

    collector: Collector
    subject: str = ""
    value: Any = None
    failure: Failure | None = None


class Run:
    """One execution of a plan; with an outcome, it has ended already."""

    def __init__(self, plan: Plan, outcome: Outcome | None = None) -> None:
        self.plan = plan
        self.key = (plan.collector.name, plan.subject)
        self.started = time.monotonic()
        self.outcome = outcome
        self.done = outcome is not None
        self._ended: threading.Event | None = None  # only of a run that is waited for: most end before their turn
        self._callbacks: list[Callable[[], None]] = []

    def wait(self, seconds: float) -> bool:
        """Wait until the run has ended; return whether it has."""
        with _LOCK:
            ended = self._ended = self._ended or threading.Event()
        return self.done or ended.wait(seconds)

    def call_when_done(self, callback: Callable[[], None]) -> None:
        """Call a function that does not block once the run has ended, on its thread, or at once if it has."""
        with _LOCK:
            is_late = self.done
            if not is_late:
                self._callbacks.append(callback)
        if is_late:
            callback()

    def mark_done(self) -> None:
        """Wake those that wait for the run; its outcome is set."""
        self.done = True
        with _LOCK:
            ended, callbacks = self._ended, self._callbacks
            self._callbacks = []
        if ended is not None:
            ended.set()
        for callback in callbacks:
            callback()


def call_collector(plan: Plan, world: World) -> Result:
    """Return the samples of a plan's collector, or its generator; raises the collector's exceptions."""
    collect: Callable[..., Result] = plan.collector.collect  # type: ignore[assignment]
    return collect(world) if plan.collector.subjects is None else collect(world, plan.value)


async def await_collector(plan: Plan, world: World) -> Callable[[], Result]:
    """Await a plan's collector, a coroutine function; return a function that returns or raises what it did."""
    collect: Callable[..., Awaitable[Result]] = plan.collector.collect  # type: ignore[assignment]
    try:
        result = await (collect(world) if plan.collector.subjects is None else collect(world, plan.value))
    except BaseException as error:  # noqa: BLE001 - the run ends also when the loop does
        return functools.partial(_raise_error, error)
    return lambda: result


def _raise_error(error: BaseException) -> NoReturn:
    raise error
