"""One scrape: the chosen collectors run side by side, each in one run, within one deadline.

A run is one execution of one collector for one subject. Concurrent scrapes share it; a stuck run is reported as a
timeout and joined by the next scrape, so that runs never pile up. From the kernel's file to the page: `scrape` plans
the runs and starts them, `_execute` takes the collector's samples, `_classify` makes the Outcome, and `server` writes
the outcomes' samples as text.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter.collector import Collector, NoData, matches_name
from deckwatch.exporter.metric import Lines, take_within_budget, validate_samples
from deckwatch.exporter.outcome import TIMEOUT, Failure, Outcome, Record
from deckwatch.exporter.worker_pool import WorkerPool
from deckwatch.exporter.world import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.exporter.metric import Metric, Sample
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.scrape")

KEEP_STATE_SECONDS = 15 * 60.0  # how long a state that can no longer be read is still exported
SAME_MOMENT_SECONDS = 1.0  # a run that started longer than this before a scrape does not count as its reading
_NETWORK_THREADS = 8  # kept for collectors that wait for a network
_STALLED_SECONDS = 0.02  # a pool in which no task ends for this long gets one more thread

Key = tuple[str, str]  # collector, subject
_LogLine = tuple[int, str]  # level and message


class _Plan(NamedTuple):
    """A collector to run, and the name and value of its subject; an exception as value is raised by the run."""

    collector: Collector
    subject: str
    value: Any


class _Run:
    """One execution of a plan."""

    def __init__(self, plan: _Plan) -> None:
        self.plan = plan
        self.key = (plan.collector.name, plan.subject)
        self.started = time.monotonic()
        self.done = threading.Event()
        self.outcome: Outcome | None = None


class Scraper:
    """Runs collectors over a World, and remembers their outcomes."""

    def __init__(self, world: World, collectors: Mapping[str, Collector]) -> None:
        self.world = world
        self.collectors = dict(collectors)
        self.records: dict[Key, Record] = {}
        self._runs: dict[Key, _Run] = {}  # under way
        self._lock = threading.Lock()
        # Readers of files need one thread, and another one only while it is stuck. Collectors that use a network wait
        # most of their time, so several of them may run at once.
        self._file_pool = WorkerPool("read")
        self._network_pool = WorkerPool("ask", keep=_NETWORK_THREADS)

    def scrape(
        self,
        *,
        seconds: float = 9.5,
        only: Iterable[str] = (),
        exclude: Iterable[str] = (),
        server: str | None = None,
    ) -> list[Outcome]:
        """Return the outcome of every chosen collector, within `seconds`; never raises.

        `only` and `exclude` are names or prefixes of collectors. `server` restricts the collectors that run once per
        server to this one.
        """
        started = time.monotonic()
        only, exclude = tuple(only), tuple(exclude)
        plans = [
            plan
            for collector in self.collectors.values()
            if (not only or any(matches_name(collector.name, prefix) for prefix in only))
            and not any(matches_name(collector.name, prefix) for prefix in exclude)
            for plan in self._plan_runs(collector, server)
        ]
        runs = [self._start_run(plan) for plan in plans]
        self._wait_for(runs, started + seconds)
        # A run that was joined long after its start has read old counters, which would distort rates.
        for index, run in enumerate(runs):
            if run.done.is_set() and run.started < started - SAME_MOMENT_SECONDS:
                runs[index] = self._start_run(run.plan)
        self._wait_for(runs, started + seconds)
        return [self._result(run) for run in runs]

    def close(self) -> None:
        """End the threads that are not stuck."""
        self._file_pool.close()
        self._network_pool.close()

    def subject_names(self, collector: Collector) -> list[str]:
        """Return the names of a collector's subjects; raises what its `subjects` raises."""
        return [] if collector.subjects is None else list(collector.subjects(self.world))

    def unanswered(self) -> list[Key]:
        """Return the collectors and subjects of which no run has ended yet, neither with samples nor with a failure."""
        with self._lock:
            tried = {name for name, _ in self.records}
            waiting = [key for key, record in self.records.items() if not record.answered]
        return sorted([*waiting, *((name, "") for name in self.collectors if name not in tried)])

    def _plan_runs(self, collector: Collector, server: str | None) -> Iterator[_Plan]:
        """Yield a plan per subject; a failure to list the subjects becomes a run that fails."""
        if collector.subjects is None:
            yield _Plan(collector, "", None)
            return
        try:
            subjects = collector.subjects(self.world)
        except Exception as error:  # noqa: BLE001 - reported as this collector's outcome, like any failure of its run
            yield _Plan(collector, "", error)
            return
        if not subjects:
            yield _Plan(collector, "", NoData("none is configured"))
            return
        with self._lock:
            if (collector.name, "") not in self._runs:
                self.records.pop((collector.name, ""), None)  # from a time when they could not be listed
        for name, value in subjects.items():
            if server is None or collector.subject_label != "server" or name == server:
                yield _Plan(collector, name, value)

    def _start_run(self, plan: _Plan) -> _Run:
        """Return the run of this collector and subject that is under way, or a new one."""
        new = _Run(plan)
        with self._lock:
            run = self._runs.setdefault(new.key, new)
            if run is not new:
                return run
            self.records.setdefault(run.key, Record())  # created here, so that everything else finds it
        pool = self._file_pool if plan.collector.subjects is None else self._network_pool
        pool.submit(lambda: self._execute(run))
        return run

    def _wait_for(self, runs: list[_Run], deadline: float) -> None:
        """Wait until all runs have ended, at most until the deadline; adds a thread to a pool that is stalled."""
        for run in reversed(runs):  # the last to start usually ends last: one wake-up for all
            while not run.done.is_set():
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                if not run.done.wait(min(left, _STALLED_SECONDS)):
                    self._file_pool.grow_if_stalled()
                    self._network_pool.grow_if_stalled()

    def _execute(self, run: _Run) -> None:
        """Run the collector; no exception leaves this method."""
        run.started = time.monotonic()
        read_at = self.world.clock()
        samples: list[Sample | Lines] = []
        dropped = 0
        failure: Failure | None = None
        try:
            result = _call_collector(run.plan, self.world)
            if isinstance(result, Reading):
                read_at, result = min(read_at, result.at), result.value
            dropped = take_within_budget(validate_samples(result), run.plan.collector.budget, samples)
        except BaseException as error:  # noqa: BLE001 - a SystemExit or a Rust panic must not end this thread either
            failure = Failure.from_exception(error)
        seconds = time.monotonic() - run.started
        with self._lock:
            self.records[run.key].dropped += dropped
            outcome = run.outcome = self._classify(run, samples, seconds, read_at, failure)
            line = self._record(outcome, failure)
            del self._runs[run.key]
        _log(line)
        if failure and outcome.error:
            log.debug("collector %s, %s:\n%s", run.plan.collector.name, failure.name, failure.frames)
        run.done.set()

    def _classify(
        self, run: _Run, samples: list[Sample | Lines], seconds: float, read_at: float, failure: Failure | None
    ) -> Outcome:
        """Return the outcome of a run: complete, absent, or failed with the last known states. Needs the lock."""
        collector, subject, _ = run.plan
        record = self.records[run.key]
        has_states = any(metric.state for metric in collector.metrics)
        if failure is None:
            record.good_at = read_at
            if has_states:
                record.states = [sample for sample in samples if sample.metric.state]
            return Outcome(collector, subject, samples, seconds, read_at)
        # A subject with known states that can no longer be found is unreadable, not absent, and must not vanish.
        if failure.absent is not None and not (has_states and record.good_at is not None):
            return Outcome(collector, subject, (), seconds, read_at, absent=failure.absent)
        retained: list[Sample | Lines] = []
        if record.good_at is not None and self.world.clock() - record.good_at <= KEEP_STATE_SECONDS:
            fresh = {_series_of(sample) for sample in samples}
            retained = [sample for sample in record.states if _series_of(sample) not in fresh]
        samples = [*samples, *retained]
        return Outcome(collector, subject, samples, seconds, record.good_at, failure.name, retained=retained)

    def _result(self, run: _Run) -> Outcome:
        """Return a run's outcome; a run that has not ended counts as a timeout."""
        line = None
        with self._lock:
            outcome = run.outcome
            if outcome is None:
                record = self.records.setdefault(run.key, Record())  # another scrape may have dropped it
                record.timeouts += 1
                outcome = self._classify(run, [], time.monotonic() - run.started, 0.0, TIMEOUT)
                line = self._record(outcome, TIMEOUT)
        _log(line)
        return outcome

    def _record(self, outcome: Outcome, failure: Failure | None) -> _LogLine | None:
        """Store an outcome, and return the line to log if it differs from the previous one.

        A source that is down fails many collectors and logs that itself, so theirs is logged at level DEBUG.
        """
        record = self.records[outcome.collector.name, outcome.subject]
        before, was_quiet = record.outcome, record.quiet
        record.outcome = outcome
        record.quiet = failure is not None and failure.from_source
        record.answered = record.answered or failure is not TIMEOUT
        name = f"{outcome.collector.name} ({outcome.subject})" if outcome.subject else outcome.collector.name
        if outcome.error and failure:
            record.errors[outcome.error] += 1
            if before is None or before.error != outcome.error:
                level = logging.DEBUG if record.quiet else logging.WARNING
                return level, f"collector {name} failed: {failure.message}"
        elif before is not None and before.error:
            return logging.DEBUG if was_quiet else logging.INFO, f"collector {name} works again"
        elif outcome.absent is not None and (before is None or before.absent != outcome.absent):
            return logging.DEBUG, f"collector {name} has nothing to watch: {outcome.absent}"
        return None


def _call_collector(plan: _Plan, world: World) -> Iterable[Sample | Lines] | Reading[Iterable[Sample | Lines]]:
    if isinstance(plan.value, Exception):
        raise plan.value
    collector = plan.collector
    return collector.collect(world) if collector.subjects is None else collector.collect(world, plan.value)


def _log(line: _LogLine | None) -> None:
    """Write a line to the log; call it without the lock, since the log's reader may be slow."""
    if line is not None:
        log.log(line[0], "%s", line[1])


def _series_of(sample: Sample | Lines) -> tuple[Metric, tuple[str, ...] | None]:
    """Return the identity of a sample's series; for Lines, of all series of their metric."""
    return sample.metric, None if isinstance(sample, Lines) else sample.labels
