"""One scrape: all chosen collectors side by side, each in one flight, within one deadline.

A flight is one run of one collector for one subject. Whoever scrapes while it is in the air shares it; a stuck one
is reported and joined by the next scrape, never piled up.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.collector import Collector, NoData, matches_name
from deckwatch.exporter.metric import Lines, take_within_budget, validate_samples
from deckwatch.exporter.worker_pool import WorkerPool
from deckwatch.exporter.world import SourceDown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.exporter.metric import Metric, Sample
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.scrape")

KEEP_STATE_SECONDS = 15 * 60.0  # how long a state that can no longer be read goes on being shown
SAME_MOMENT_SECONDS = 1.0  # a flight that took off longer before a scrape than this is no reading of that scrape's
_ASKERS = 8  # threads that stay for what goes over a network
_STANDSTILL_SECONDS = 0.02  # work that waits this long while nothing ends gets one more thread

Key = tuple[str, str]  # collector, subject
_Said = tuple[int, str]  # level and message


@dataclass(frozen=True)
class Outcome:
    """How one run ended. `error` is the class of what went wrong, never its text, which could carry a secret.

    `absent` says why there is nothing to watch, in the collector's own words. `at` is the wall time of the last
    complete reading, in seconds since the epoch; None where there was none.
    """

    collector: Collector
    subject: str
    samples: Sequence[Sample | Lines]
    seconds: float
    at: float | None
    error: str | None = None
    absent: str | None = None

    @property
    def success(self) -> bool:
        """Whether the collector could read what it watches, or there is nothing to read."""
        return self.error is None


@dataclass
class Record:
    """What is known of one collector, for one subject, over the life of the process."""

    outcome: Outcome | None = None  # the newest
    answered: bool = False  # whether it ever ended a run, in whichever way
    good_at: float | None = None
    quiet: bool = False  # whether the newest fault is its source's, which tells it
    states: list[Sample | Lines] = field(default_factory=list)  # of the last complete reading
    timeouts: int = 0
    dropped: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class _Flight:
    def __init__(self) -> None:
        self.started = time.monotonic()
        self.done = threading.Event()
        self.outcome: Outcome | None = None


class Scraper:
    """Runs collectors over a World, and remembers how they did."""

    def __init__(self, world: World, collectors: Mapping[str, Collector]) -> None:
        self.world = world
        self.collectors = dict(collectors)
        self.records: dict[Key, Record] = {}
        self._flights: dict[Key, _Flight] = {}
        self._lock = threading.Lock()
        # Readers of files want one thread, and get another only while it is stuck. What goes over a network waits
        # most of its time, and several may do so at once.
        self._readers = WorkerPool("read")
        self._askers = WorkerPool("ask", keep=_ASKERS)

    def scrape(
        self,
        *,
        seconds: float = 9.5,
        only: Iterable[str] = (),
        exclude: Iterable[str] = (),
        server: str | None = None,
    ) -> list[Outcome]:
        """Return the outcome of every chosen collector, within `seconds`; never raises.

        `only` and `exclude` are names or prefixes of collectors. Of the collectors that run once a server, `server`
        leaves this one's run.
        """
        begun = time.monotonic()
        only, exclude = tuple(only), tuple(exclude)
        boarded = [
            boarding
            for one in self.collectors.values()
            if (not only or any(matches_name(one.name, word) for word in only))
            and not any(matches_name(one.name, word) for word in exclude)
            for boarding in self._boardings(one, server)
        ]
        flights = [self._board(*boarding) for boarding in boarded]
        self._wait(flights, begun + seconds)
        # A flight that was joined long after it took off has read old counters, and those make rates lie.
        for index, flight in enumerate(flights):
            if flight.done.is_set() and flight.started < begun - SAME_MOMENT_SECONDS:
                flights[index] = self._board(*boarded[index])
        self._wait(flights, begun + seconds)
        return [self._land(one, subject, flight) for (one, subject, _), flight in zip(boarded, flights, strict=True)]

    def close(self) -> None:
        """Let the threads end that are not stuck."""
        self._readers.close()
        self._askers.close()

    def subjects(self, one: Collector) -> list[str]:
        """Return the names of what a collector runs once for each of; raises what it raises."""
        return [] if one.subjects is None else list(one.subjects(self.world))

    def unanswered(self) -> list[Key]:
        """Return what has not ended a single run yet, neither with an answer nor with a reason."""
        with self._lock:
            tried = {name for name, _ in self.records}
            waiting = [key for key, record in self.records.items() if not record.answered]
        return sorted([*waiting, *((name, "") for name in self.collectors if name not in tried)])

    def _boardings(self, one: Collector, server: str | None) -> Iterator[tuple[Collector, str, Any]]:
        """Yield collector, subject's name and subject for each run; a fault in finding them is a run of its own."""
        if one.subjects is None:
            yield one, "", None
            return
        try:
            things = one.subjects(self.world)
        except Exception as fault:  # noqa: BLE001 - told as this collector's outcome, like any fault of its run
            yield one, "", fault
            return
        if not things:
            yield one, "", NoData("none is configured")
            return
        with self._lock:
            if (one.name, "") not in self._flights:
                self.records.pop((one.name, ""), None)  # of a time when they could not be found
        for name, thing in things.items():
            if server is None or one.subject_label != "server" or name == server:
                yield one, name, thing

    def _board(self, one: Collector, subject: str, thing: Any) -> _Flight:
        """Return the flight of this collector that is in the air, or a new one."""
        key = (one.name, subject)
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight
            flight = self._flights[key] = _Flight()
            self.records.setdefault(key, Record())  # made here, so that all else finds one
        crew = self._readers if one.subjects is None else self._askers
        crew.submit(lambda: self._fly(one, subject, thing, flight))
        return flight

    def _wait(self, flights: list[_Flight], deadline: float) -> None:
        """Return when all flights are down, or at the deadline; adds a thread whenever the work stands still."""
        for flight in reversed(flights):  # the last to take off is the last to land: one wake-up for all
            while not flight.done.is_set():
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                if not flight.done.wait(min(left, _STANDSTILL_SECONDS)):
                    self._readers.grow_if_stalled()
                    self._askers.grow_if_stalled()

    def _fly(self, one: Collector, subject: str, thing: Any, flight: _Flight) -> None:
        """Run the collector; nothing it does gets out of here."""
        flight.started = time.monotonic()
        self.world.shown.at = self.world.clock()
        samples: list[Sample | Lines] = []
        dropped = 0
        fault: _Fault | None = None
        try:
            dropped = take_within_budget(validate_samples(_start(one, self.world, thing)), one.budget, samples)
        except BaseException as caught:  # noqa: BLE001 - a SystemExit or a Rust panic must not end this thread either
            fault = _Fault.of(caught)
        seconds = time.monotonic() - flight.started
        with self._lock:
            outcome = self._judge(Outcome(one, subject, samples, seconds, self.world.shown.at), fault)
            self.records[one.name, subject].dropped += dropped
            said = self._note(outcome, fault.told if fault else "", quiet=fault is not None and fault.of_source)
            del self._flights[one.name, subject]
            flight.outcome = outcome
        _say(said)
        if fault and outcome.error:
            log.debug("collector %s, %s:\n%s", one.name, fault.name, fault.frames)
        flight.done.set()

    def _judge(self, outcome: Outcome, fault: _Fault | None) -> Outcome:
        """Return an outcome with its fault, where there is one; takes note of a complete reading."""
        record = self.records[outcome.collector.name, outcome.subject]
        holds_states = any(metric.state for metric in outcome.collector.metrics)
        if fault is not None:
            # What was there once and had states has not become absent but invisible, and may not fall silent.
            if fault.absent is not None and not (holds_states and record.good_at is not None):
                return replace(outcome, samples=(), absent=fault.absent)
            return replace(outcome, at=record.good_at, error=fault.name)
        record.good_at = outcome.at
        if holds_states:
            record.states = [sample for sample in outcome.samples if sample.metric.state]
        return outcome

    def _land(self, one: Collector, subject: str, flight: _Flight) -> Outcome:
        """Return a flight's outcome, or that it did not end in time; with the last known states on any fault."""
        said = None
        with self._lock:
            record = self.records.setdefault((one.name, subject), Record())  # another scrape may have dropped it
            outcome = flight.outcome
            if outcome is None:
                late = time.monotonic() - flight.started
                outcome = Outcome(one, subject, (), late, record.good_at, "Timeout")
                record.timeouts += 1
                said = self._note(outcome, "it did not answer in time")
            held: list[Sample | Lines] = []
            known = record.good_at is not None and self.world.clock() - record.good_at <= KEEP_STATE_SECONDS
            if outcome.error and known:
                fresh = {_of(sample) for sample in outcome.samples}
                held = [sample for sample in record.states if _of(sample) not in fresh]
        _say(said)
        return replace(outcome, samples=[*outcome.samples, *held]) if held else outcome

    def _note(self, outcome: Outcome, told: str, *, quiet: bool = False) -> _Said | None:
        """Remember how a collector did; return what is to be said, which is a change.

        A source that is down fails many collectors and says so itself: of each of them it is said to debuggers only.
        """
        record = self.records[outcome.collector.name, outcome.subject]
        before = record.outcome
        record.outcome = outcome
        was_quiet, record.quiet = record.quiet, quiet
        record.answered = record.answered or outcome.error != "Timeout"
        name = f"{outcome.collector.name} ({outcome.subject})" if outcome.subject else outcome.collector.name
        if outcome.error:
            record.errors[outcome.error] += 1
            if before is None or before.error != outcome.error:
                return logging.DEBUG if quiet else logging.WARNING, f"collector {name} failed: {told}"
        elif before is not None and before.error:
            return logging.DEBUG if was_quiet else logging.INFO, f"collector {name} works again"
        elif outcome.absent is not None and (before is None or before.absent != outcome.absent):
            return logging.DEBUG, f"collector {name} has nothing to watch: {outcome.absent}"
        return None


@dataclass(frozen=True)
class _Fault:
    """What is kept of an exception: not itself, since its frames hold what was read, nor its text (see Outcome)."""

    name: str
    told: str
    frames: str
    absent: str | None
    of_source: bool

    @classmethod
    def of(cls, caught: BaseException) -> _Fault:
        absent = (str(caught) or "it is not there") if isinstance(caught, NoData) else None
        frames = "".join(traceback.format_tb(caught.__traceback__)) if log.isEnabledFor(logging.DEBUG) else ""
        return cls(type(caught).__name__, absent or _told(caught), frames, absent, isinstance(caught, SourceDown))


def _say(said: _Said | None) -> None:
    """Log, without the lock: whoever reads the log may be slow."""
    if said is not None:
        log.log(said[0], "%s", said[1])


def _of(sample: Sample | Lines) -> tuple[Metric, tuple[str, ...] | None]:
    """Return which series a sample is of; of lines, all those of their metric."""
    return sample.metric, None if isinstance(sample, Lines) else sample.labels


def _start(one: Collector, world: World, thing: Any) -> Iterable[Sample | Lines]:
    if isinstance(thing, Exception):
        raise thing
    return one.collect(world) if one.subjects is None else one.collect(world, thing)


def _told(fault: BaseException) -> str:
    """Return a fault's class, with the system's own words where it is the system's: only those carry no secret."""
    name = type(fault).__name__
    if not isinstance(fault, OSError) or not fault.strerror or not isinstance(fault.errno, int):
        return name
    file = f": {fault.filename}" if isinstance(fault.filename, str) else ""
    return f"{name} ({fault.strerror}{file})"
