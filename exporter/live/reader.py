"""Reads the live values: from scrapes that happen anyway, or from sources where nobody has read them lately.

Collectors run as in a scrape, in runs that concurrent scrapes share. Nothing is read for the page while nobody looks at
it, except for the last hour: a thread of its own takes a reading every 15 seconds if somebody has looked within the
last hour, and less often otherwise, or where a reading is so expensive that it would take more than BUDGET of a core.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.exporter import view
from deckwatch.exporter.live.board import Board
from deckwatch.exporter.live.build import Builder
from deckwatch.exporter.live.history import SLOT_SECONDS, SLOTS, History
from deckwatch.exporter.live.measures import METRICS, Key
from deckwatch.exporter.live.problems import Moment, ProblemFinder
from deckwatch.exporter.live.rates import Rates
from deckwatch.exporter.live.reading import take_reading
from deckwatch.exporter.live.rules import load_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.live.board import Container, Problem, Tone
    from deckwatch.exporter.live.reading import Reading
    from deckwatch.exporter.live.rules import Rules
    from deckwatch.exporter.outcome import Outcome
    from deckwatch.exporter.scrape import Key as RunKey
    from deckwatch.exporter.scrape import Scraper
    from deckwatch.exporter.view_cards import Card

log = logging.getLogger("deckwatch.live")

BUDGET = 0.002  # of a core, for the history
FRESH_SECONDS = 2.0  # values of the machine and its containers that are younger are shown without reading again
FRESH_SUBJECT_SECONDS = (
    14.0  # the same for database servers and probes, where each reading is a connection or a request
)
_DEADLINE_SECONDS = 9.0  # not one that scrapers use, so that timeouts are counted apart
_MAX_INTERVAL_SECONDS = 300.0
_VIEWED_SECONDS = SLOT_SECONDS * SLOTS  # for which somebody who has looked may look again
_UNVIEWED_INTERVAL_SECONDS = 100.0
_UNREAD_SECONDS = 75.0  # more than usual between two scrapes


class LiveReader:
    """The live values of one Scraper, judged by some rules; by default the shipped ones."""

    def __init__(self, scraper: Scraper, rules: Rules | None = None) -> None:
        self.scraper = scraper
        self.rules = rules or load_rules()
        self.history = History()
        self.rates = Rates()
        self.interval = SLOT_SECONDS  # of the history
        self.has_history = False
        self._last_cost = float("inf")
        self._viewed_at = self._recorded_at = float("-inf")
        self._problems = ProblemFinder(self.rules)
        self._lock = threading.Lock()
        self._lanes = (_Lane(scraper), _Lane(scraper))
        self._seen: dict[RunKey, tuple[Outcome, float]] = {}  # the newest outcome, and when it was first seen
        self._stopping = threading.Event()
        self._collectors = [
            collector
            for collector in scraper.collectors.values()
            if any(metric.name in METRICS for metric in collector.metrics)
        ]

    def refresh(self, wait_seconds: float = 1.5, max_age: float = FRESH_SECONDS) -> None:
        """Read what is older than it may be, waiting at most `wait_seconds` for it, and take a reading."""
        now = self._viewed_at = self.scraper.world.age_clock()
        deadline = time.monotonic() + wait_seconds
        stale = list(self._find_stale(now, max_age))
        for lane, has_subjects in zip(self._lanes, (False, True), strict=True):
            lane.start([each for each in stale if (each.subjects is not None) is has_subjects])
        for lane in self._lanes:
            lane.wait(deadline - time.monotonic())
        self._take_reading()

    def build_board(self) -> Board:
        """Return the board of the newest reading; take one first."""
        with self._lock:
            reading = self.rates.newest
            return self._build_board(reading) if reading is not None else self._build_board(self._new_reading())

    def start_history(self) -> None:
        """Record the last hour from now on, on a thread of its own."""
        self.has_history = True
        threading.Thread(target=self._record_history, name="history", daemon=True).start()

    def close(self) -> None:
        """Stop recording."""
        self._stopping.set()

    def _record_history(self) -> None:
        while not self._stopping.wait(self.interval):
            started = time.process_time()
            now = self.scraper.world.age_clock()
            viewed = now - self._viewed_at < _VIEWED_SECONDS
            max_age = 0.9 * self.interval if viewed else _UNREAD_SECONDS
            recent = now - self._recorded_at < _MAX_INTERVAL_SECONDS
            if not viewed and recent and not any(self._find_stale(now, max_age, unread=False)):
                continue  # users of scrapes have dashboards, and a reading costs more than a scrape
            try:
                self._run_stale(max_age)
                self._take_reading()
            except Exception:  # the history is worth less than the exporter
                log.exception("the history of the page could not be recorded")
                continue
            self._recorded_at = now
            self._limit_cost(time.process_time() - started, SLOT_SECONDS if viewed else _UNVIEWED_INTERVAL_SECONDS)

    def _limit_cost(self, seconds: float, least: float = SLOT_SECONDS) -> None:
        """Choose the interval of the history by the processor time of a reading.

        It is that of the whole process, which may serve a scrape meanwhile: the smaller of two in a row counts.
        """
        cost, self._last_cost = min(seconds, self._last_cost), seconds
        self.interval = min(max(least, cost / BUDGET), _MAX_INTERVAL_SECONDS)

    def _run_stale(self, max_age: float) -> None:
        """Run the collectors that nobody has run lately."""
        _run_collectors(self.scraper, list(self._find_stale(self.scraper.world.age_clock(), max_age)))

    def _find_stale(self, now: float, max_age: float, *, unread: bool = True) -> Iterator[Collector]:
        """Yield the collectors of which an outcome is older than `max_age`, and with `unread` those without any.

        Without it those that have nothing to watch are left out: a scrape plans them away, and their outcome ages.
        """
        records = dict(self.scraper.records)
        for collector in self._collectors:
            limit = max_age if collector.subjects is None else max(max_age, FRESH_SUBJECT_SECONDS)
            ages = [
                self._outcome_age(key, record.outcome, now)
                for key, record in records.items()
                if key[0] == collector.name and (unread or record.outcome is None or record.outcome.absent is None)
            ]
            if max(ages) > limit if ages else unread:
                yield collector

    def _outcome_age(self, key: RunKey, outcome: Outcome | None, now: float) -> float:
        if outcome is None:
            return float("inf")
        if outcome.at is not None and outcome.error is None:
            return now - outcome.at
        seen, since = self._seen.get(key, (None, now))
        if seen is not outcome:
            since = now
            self._seen[key] = (outcome, now)
        return now - since

    def _new_reading(self) -> Reading:
        return take_reading(self.scraper.records, self.rules, self.scraper.world.age_clock())

    def _take_reading(self) -> None:
        """Take a reading and record it."""
        with self._lock:
            reading = self._new_reading()
            self.rates.add_reading(reading)
            board = self._build_board(reading)
            if self.has_history:
                self.history.record(reading.at, dict(self._history_values(board, reading)))

    def _history_values(self, board: Board, reading: Reading) -> Iterator[tuple[Key, float | None]]:
        host = board.host
        for measure, value in (("cpu", host.cpu), ("memory", host.memory), ("load", host.load)):
            yield Key("host", "", measure), value
        traffic = None if host.received is None and host.sent is None else (host.received or 0.0) + (host.sent or 0.0)
        yield Key("host", "", "traffic"), traffic
        yield Key("host", "", "oom_kills"), reading.gauges.get(Key("host", "", "oom_kills"))
        yield Key("host", "", "disk"), max((row.busy for row in board.disks if row.busy is not None), default=None)
        for filesystem in board.filesystems:
            yield Key("filesystem", filesystem.mountpoint, "used"), filesystem.used
        for container in board.containers:
            yield from _container_values(container, reading)
        for database in board.databases:
            yield Key("postgres", database.name, "connections"), database.connections
        for probe in board.probes:
            yield Key("probe", probe.name, "duration"), probe.duration

    def _build_board(self, reading: Reading) -> Board:
        world = self.scraper.world
        status = view.build_view(self.scraper, world.age_clock())
        cards = {card.title: card for card in status.cards}
        builder = Builder(reading, self.rates, world.clock())
        host = builder.build_host()
        board = Board(
            name=status.host,
            about=status.about,
            time=world.clock(),
            verdict=("none", ""),
            measuring=host.cpu is None and bool(reading.idle),
            host=host,
            filesystems=builder.build_filesystems(),
            disks=builder.build_disks(),
            containers=builder.build_containers(),
            databases=builder.build_databases(cards.get("Database servers")),
            probes=builder.build_probes(cards.get("Probes")),
            notes=list(filter(None, [_container_note(cards)])),
        )
        problems = self._problems.find_problems(Moment(board, reading, self.history))
        return replace(board, problems=problems, verdict=_overall_verdict(problems, status.verdict))


def _overall_verdict(problems: list[Problem], collectors: tuple[Tone, str]) -> tuple[Tone, str]:
    """Return the state of everything: what is wrong, and whether all of it could be read."""
    wrong = [problem for problem in problems if not problem.pending]
    tone, reading = collectors
    blind = reading if tone in ("bad", "late") else ""
    if wrong:
        is_bad = tone == "bad" or any(problem.severity in ("critical", "error") for problem in wrong)
        blind = "; ".join(part for part in blind.split("; ") if "collector" in part)  # the rest is among the problems
        count = "1 problem" if len(wrong) == 1 else f"{len(wrong)} problems"
        return "bad" if is_bad else "late", "; ".join(filter(None, [count, blind]))
    if blind:
        return tone, blind
    if problems:
        several = f"{len(problems)} conditions hold, not yet alerts"
        return "late", several if len(problems) > 1 else "1 condition holds, not yet an alert"
    return ("none", reading) if tone == "none" else ("good", "Nothing is wrong")


class _Lane:
    """Runs collectors on a thread, one set at a time."""

    def __init__(self, scraper: Scraper) -> None:
        self._scraper = scraper
        self._done = threading.Event()
        self._done.set()
        self._lock = threading.Lock()

    def start(self, collectors: list[Collector]) -> None:
        """Run these collectors, unless others are still running."""
        with self._lock:
            if not collectors or not self._done.is_set():
                return
            self._done.clear()
        threading.Thread(target=self._run_in_context, args=(collectors,), name="live", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the run, at most this long."""
        self._done.wait(max(seconds, 0.0))

    def _run_in_context(self, collectors: list[Collector]) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._done.set)
            _run_collectors(self._scraper, collectors)


def _run_collectors(scraper: Scraper, collectors: list[Collector]) -> None:
    names = {collector.name for collector in collectors}
    if names:
        others = [name for name in scraper.collectors if name not in names]  # a name may begin with another one
        scraper.scrape(seconds=_DEADLINE_SECONDS, only=names, exclude=others)


def _container_values(row: Container, reading: Reading) -> Iterator[tuple[Key, float | None]]:
    yield Key("container", row.name, "cpu"), row.cpu
    yield Key("container", row.name, "memory"), row.memory
    for measure in ("restarts", "oom_kills"):
        yield Key("container", row.name, measure), reading.gauges.get(Key("container", row.name, measure))


def _container_note(cards: dict[str, Card]) -> str:
    card = cards.get("Containers")
    return (
        f"Containers: {card.about}" if card is not None and card.figure in ("none", "not known") and card.about else ""
    )
