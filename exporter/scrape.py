"""One scrape: all chosen collectors side by side, each in one flight, within one deadline.

A flight is one run of one collector for one subject. Whoever scrapes while it is in the air shares it; a stuck one
is reported and joined by the next scrape, never piled up.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exporter.collector import Collector, NoData, matches
from exporter.crew import Crew

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporter.metric import Sample
    from exporter.world import World

log = logging.getLogger("deckwatch.scrape")

_KEEP_STATE_SECONDS = 15 * 60.0  # how long a state that can no longer be read goes on being shown
_STANDSTILL_SECONDS = 0.02  # work that waits this long while nothing ends gets one more thread

Key = tuple[str, str]  # collector, subject


@dataclass(frozen=True)
class Outcome:
    """How one flight ended. `error` is the class of what went wrong, never its text, which could carry a secret."""

    collector: Collector
    subject: str
    samples: Sequence[Sample]
    seconds: float
    at: float  # wall time of the reading that `samples` show
    error: str | None = None
    absent: bool = False
    dropped: int = 0

    @property
    def success(self) -> bool:
        """Whether the collector could read what it watches, or there is nothing to read."""
        return self.error is None


@dataclass
class Tally:
    """What is counted of a collector over the life of the process."""

    timeouts: int = 0
    dropped: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class _Flight:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.outcome: Outcome | None = None
        self.started = time.monotonic()


class Scraper:
    """Runs collectors over a World."""

    def __init__(self, world: World, collectors: Mapping[str, Collector]) -> None:
        self.world = world
        self.collectors = dict(collectors)
        self.tallies: dict[Key, Tally] = {}
        self.last: dict[Key, Outcome] = {}  # the newest outcome of each, for the page and for /readyz
        self._good: dict[Key, Outcome] = {}  # the newest that succeeded, for states that cannot be read any more
        self._flights: dict[Key, _Flight] = {}
        self._lock = threading.Lock()
        self._crew = Crew()
        self._said: set[Key] = set()

    def scrape(
        self,
        *,
        seconds: float = 9.5,
        only: Iterable[str] = (),
        exclude: Iterable[str] = (),
        subject: str | None = None,
    ) -> list[Outcome]:
        """Return the outcome of every chosen collector, within `seconds`.

        `only` and `exclude` are names or prefixes of collectors. `subject` leaves of the collectors that have
        subjects only this one's run.
        """
        deadline = time.monotonic() + seconds
        flights: list[tuple[Collector, str, _Flight]] = []
        only, exclude = tuple(only), tuple(exclude)
        for one in self.collectors.values():
            if only and not any(matches(one.name, word) for word in only):
                continue
            if any(matches(one.name, word) for word in exclude):
                continue
            for name, thing in self._subjects(one).items():
                if subject is None or one.subjects is None or name == subject:
                    flights.append((one, name, self._board(one, name, thing)))
        self._wait([flight for _, _, flight in flights], deadline)
        return [self._land(one, name, flight) for one, name, flight in flights]

    def _subjects(self, one: Collector) -> Mapping[str, Any]:
        return {"": None} if one.subjects is None else one.subjects(self.world)

    def _board(self, one: Collector, subject: str, thing: Any) -> _Flight:
        """Return the flight of this collector that is in the air, or a new one."""
        key = (one.name, subject)
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight()
                self._crew.submit(lambda flight=flight: self._fly(one, subject, thing, flight))  # type: ignore[misc]
        return flight

    def _wait(self, flights: list[_Flight], deadline: float) -> None:
        progress = -1
        for flight in flights:
            while not flight.done.is_set():
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                if not flight.done.wait(min(left, _STANDSTILL_SECONDS)):
                    if self._crew.progress() == progress:
                        self._crew.relieve()
                    progress = self._crew.progress()

    def _fly(self, one: Collector, subject: str, thing: Any, flight: _Flight) -> None:
        """Run the collector; nothing it does gets out of here."""
        flight.started = time.monotonic()
        at = self.world.clock()
        samples: list[Sample] = []
        error, absent, dropped = None, False, 0
        try:
            found = iter(one.collect(self.world) if one.subjects is None else one.collect(self.world, thing))
            # `extend` keeps what was read before a fault, so that it is shown with it.
            samples.extend(itertools.islice(found, one.budget))
            dropped = sum(1 for _ in found)
        except NoData as reason:
            absent = True
            self._say_once(one, subject, reason)
        except Exception as fault:
            error = type(fault).__name__
            log.warning("collector %s%s failed: %s", one.name, f" ({subject})" if subject else "", error)
            log.debug("the fault of %s", one.name, exc_info=True)
        seconds = time.monotonic() - flight.started
        outcome = Outcome(one, subject, samples, seconds, at, error, absent, dropped)
        key = (one.name, subject)
        with self._lock:
            tally = self.tallies.setdefault(key, Tally())
            tally.dropped += dropped
            if error:
                tally.errors[error] += 1
            else:
                self._good[key] = outcome
            self.last[key] = outcome
            self._flights.pop(key, None)
        flight.outcome = outcome
        flight.done.set()

    def _land(self, one: Collector, subject: str, flight: _Flight) -> Outcome:
        """Return a flight's outcome, or that it did not end in time; with the last known states on any fault."""
        outcome = flight.outcome
        key = (one.name, subject)
        if outcome is None:
            with self._lock:
                self.tallies.setdefault(key, Tally()).timeouts += 1
            late = time.monotonic() - flight.started
            outcome = Outcome(one, subject, (), late, self.world.clock(), "Timeout")
            with self._lock:
                self.last[key] = outcome
        if outcome.success:
            return outcome
        return self._with_last_states(outcome, self._good.get(key))

    def _with_last_states(self, outcome: Outcome, good: Outcome | None) -> Outcome:
        if good is None or self.world.clock() - good.at > _KEEP_STATE_SECONDS:
            return outcome
        fresh = {(sample.metric, sample.labels) for sample in outcome.samples}
        held = [s for s in good.samples if s.metric.state and (s.metric, s.labels) not in fresh]
        if not held:
            return outcome
        return Outcome(
            outcome.collector, outcome.subject, [*outcome.samples, *held], outcome.seconds, good.at, outcome.error
        )

    def _say_once(self, one: Collector, subject: str, reason: NoData) -> None:
        key = (one.name, subject)
        if key not in self._said:
            self._said.add(key)
            log.info("%s has nothing to watch: %s", one.name, reason)
