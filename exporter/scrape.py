"""One scrape: the chosen collectors run side by side, each in one run, within one deadline.

A run is one execution of one collector for one subject. Concurrent scrapes share it; a stuck run is reported as a
timeout and joined by the next scrape, so that runs never pile up. From the kernel's file to the page: `scrape` plans
the runs and starts them, `_execute_run` takes the collector's samples, `_classify` makes the Outcome, and `server`
writes the outcomes' samples as text.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.collector import Collector, NoData, matches_name
from deckwatch.exporter.log_throttle import LogThrottle
from deckwatch.exporter.metric import Lines, take_within_budget
from deckwatch.exporter.outcome import TIMEOUT, Failure, Outcome, Record, list_subjects, round_deadline
from deckwatch.exporter.pending_scrape import CollectorSelection, PendingScrape
from deckwatch.exporter.run import Plan, Run, await_collector, call_collector
from deckwatch.exporter.short_scrapes import ShortScrapes
from deckwatch.exporter.sources.event_loop import EventLoop
from deckwatch.exporter.worker_pool import WorkerPool
from deckwatch.exporter.world import NotSupported, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from deckwatch.exporter.collector import Subjects
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.run import Result
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.scrape")

SAME_MOMENT_SECONDS = 1.0  # a run that started longer than this before a scrape does not count as its reading
_NETWORK_THREADS = 8  # kept for collectors that wait for a network
_STALLED_SECONDS = 0.02  # a pool in which no task ends for this long gets one more thread

_NOT_CONFIGURED = Failure.from_exception(NoData("none is configured"))
Key = tuple[str, str]  # collector, subject
_LogLine = tuple[int, str]  # level and message


class Scraper:
    """Runs collectors over a World, and remembers their outcomes."""

    def __init__(self, world: World, collectors: Mapping[str, Collector]) -> None:
        self.world = world
        self.collectors = dict(collectors)
        self.records: dict[Key, Record] = defaultdict(Record)
        self._runs: dict[Key, Run] = {}  # under way
        self._lock = threading.Lock()
        self._throttle = LogThrottle(lines_per_minute=None)  # its kinds are the collectors, whatever clients do
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
        subjects: Mapping[str, str] | None = None,
        is_short: bool = False,
    ) -> list[Outcome]:
        """Return the outcome of every chosen collector, within `seconds`; never raises.

        `only` and `exclude` are names or prefixes of collectors. `subjects` restricts the collectors that run once per
        subject to one of them, by the label of these subjects: {"server": "shop-db"}. `is_short` omits collectors that
        have not ended in time: a deadline that is shorter than a page takes is no failure of theirs.
        """
        chosen = CollectorSelection(tuple(only), tuple(exclude), subjects)
        pending = self.begin_scrape(chosen, seconds, is_short=is_short)
        self.advance_scrape(pending, waits_for_loop=True)
        return self.end_scrape(pending)

    def begin_scrape(self, chosen: CollectorSelection, seconds: float, *, is_short: bool = False) -> PendingScrape:
        """Start the runs of a scrape, which `advance_scrape` and `end_scrape` complete; see `scrape`."""
        pending = PendingScrape([], seconds, is_short)
        listings: dict[Subjects, Mapping[str, Any] | Failure] = {}
        plans = [
            plan
            for collector in self.collectors.values()
            if (not chosen.only or any(matches_name(collector.name, prefix) for prefix in chosen.only))
            and not any(matches_name(collector.name, prefix) for prefix in chosen.exclude)
            for plan in self._plan_runs(collector, (chosen.subjects or {}).get(collector.subject_label), listings)
        ]
        pending.runs = [
            self._start_run(plan) if plan.failure is None else self._end_run(plan, plan.failure) for plan in plans
        ]
        return pending

    def advance_scrape(self, pending: PendingScrape, *, waits_for_loop: bool) -> bool:
        """Wait for the runs on threads, and with `waits_for_loop` for all; return whether the scrape can end."""
        while True:
            runs = pending.runs
            if not waits_for_loop:
                runs = [run for run in runs if not run.plan.collector.is_coroutine]
            self._wait_for(runs, pending.deadline)
            if pending.is_waiting:
                return False
            if pending.is_refreshed:
                return True
            pending.is_refreshed = True
            # A run that was joined long after its start has read old counters, which would distort rates.
            for index, run in enumerate(pending.runs):
                if run.done and run.started < pending.started - SAME_MOMENT_SECONDS:
                    pending.runs[index] = self._start_run(run.plan)

    def end_scrape(self, pending: PendingScrape) -> list[Outcome]:
        """Return the outcomes of a scrape; of runs that have not ended, a timeout."""
        runs = pending.runs
        if pending.is_short and not all(run.done for run in runs):
            self.world.source(ShortScrapes).record_scrape()
            runs = [run for run in runs if run.done]
        return [self._build_outcome(run, pending.seconds) for run in runs]

    def close(self) -> None:
        """End the threads that are not stuck."""
        self._file_pool.close()
        self._network_pool.close()

    def unanswered(self) -> list[Key]:
        """Return the collectors and subjects of which no run has ended yet, neither with samples nor with a failure."""
        with self._lock:
            tried = {name for name, _ in self.records}
            waiting = [key for key, record in self.records.items() if not record.answered]
        return sorted([*waiting, *((name, "") for name in self.collectors if name not in tried)])

    def _plan_runs(
        self, collector: Collector, chosen: str | None, listings: dict[Subjects, Mapping[str, Any] | Failure]
    ) -> Iterator[Plan]:
        """Yield a plan per subject, or of the chosen one; one that fails if the subjects cannot be listed.

        `listings` has the subjects that this scrape has listed: many collectors have the same. A subject that another
        host reads runs here only if it is chosen.
        """
        if collector.subjects is None:
            yield Plan(collector)
            return
        subjects = listings.get(collector.subjects)
        if subjects is None:
            subjects = listings[collector.subjects] = list_subjects(collector, self.world)
        if isinstance(subjects, Failure):
            yield Plan(collector, failure=subjects)
            return
        if not subjects:
            yield Plan(collector, failure=_NOT_CONFIGURED)
            return
        if (collector.name, "") in self.records:  # from a time when they could not be listed
            with self._lock:
                self.records.pop((collector.name, ""), None)
        for name, value in subjects.items():
            # As MayBeElsewhere, whose isinstance takes as long as the rest of a run's planning.
            elsewhere = getattr(value, "elsewhere", "")
            if chosen is None and elsewhere:
                yield Plan(collector, name, failure=Failure.from_exception(NotSupported(elsewhere)))
            elif chosen in (None, name):
                yield Plan(collector, name, value)

    def _end_run(self, plan: Plan, failure: Failure) -> Run:
        """Return a run that has ended with this failure: no thread is woken for it."""
        with self._lock:
            before = self.records[plan.collector.name, plan.subject].outcome
            if before is not None and before.absent is not None and before.absent == failure.absent:
                return Run(plan, before)
            outcome = self._classify(plan, [], 0.0, self.world.age_clock(), failure)
            line = self._record(outcome, failure)
        _log(line)
        return Run(plan, outcome)

    def _start_run(self, plan: Plan) -> Run:
        """Return the run of this collector and subject that is under way, or a new one."""
        new = Run(plan)
        with self._lock:
            run = self._runs.setdefault(new.key, new)
            if run is not new:
                return run
            _ = self.records[run.key]  # it shows that this run is under way
        if plan.collector.is_coroutine:
            self.world.source(EventLoop).start_task(self._execute_coroutine(run))
        elif plan.collector.subjects is None:
            self._file_pool.submit(lambda: self._execute_run(run))
        else:
            self._network_pool.submit(lambda: self._execute_run(run))
        return run

    def _wait_for(self, runs: list[Run], deadline: float) -> None:
        """Wait until all runs have ended, at most until the deadline; adds a thread to a pool that is stalled."""
        for run in reversed(runs):  # the last to start usually ends last: one wake-up for all
            while not run.done:
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                if not run.wait(min(left, _STALLED_SECONDS)):
                    self._file_pool.grow_if_stalled()
                    self._network_pool.grow_if_stalled()

    def _execute_run(self, run: Run) -> None:
        """Run the collector; no exception leaves this method."""
        run.started = time.monotonic()
        self._take_samples(run, self.world.age_clock(), lambda: call_collector(run.plan, self.world))

    async def _execute_coroutine(self, run: Run) -> None:
        """Run the collector on the event loop; no exception leaves this coroutine."""
        run.started = time.monotonic()
        read_at = self.world.age_clock()
        self._take_samples(run, read_at, await await_collector(run.plan, self.world))

    def _take_samples(self, run: Run, read_at: float, collect: Callable[[], Result]) -> None:
        """Set the outcome of a run by what `collect` returns, yields or raises."""
        samples: list[Sample | Lines] = []
        dropped = 0
        failure: Failure | None = None
        try:
            result = collect()
            if isinstance(result, Reading):
                read_at, result = min(read_at, result.at), result.value
            dropped = take_within_budget(result, run.plan.collector.budget, samples)
        except BaseException as error:  # noqa: BLE001 - a SystemExit or a Rust panic must not end this thread either
            failure = Failure.from_exception(error)
        seconds = time.monotonic() - run.started
        with self._lock:
            self.records[run.key].dropped += dropped
            outcome = run.outcome = self._classify(run.plan, samples, seconds, read_at, failure)
            line = self._record(outcome, failure)
            del self._runs[run.key]
        _log(line)
        if failure and outcome.error:
            log.debug("collector %s, %s:\n%s", run.plan.collector.name, failure.name, failure.frames)
        run.mark_done()

    def _classify(
        self, plan: Plan, samples: list[Sample | Lines], seconds: float, read_at: float, failure: Failure | None
    ) -> Outcome:
        """Return the outcome of a run: complete, absent, or failed with the last known states. Needs the lock."""
        collector, subject = plan.collector, plan.subject
        record = self.records[collector.name, subject]
        has_states = collector.has_states
        if failure is None:
            record.good_at = read_at
            if has_states:
                record.states = [sample for sample in samples if sample.metric.state]
            return Outcome(collector, subject, samples, seconds, read_at)
        # A subject with known states that can no longer be found is unreadable, not absent, and must not vanish.
        if failure.absent is not None and (failure.final or not has_states or record.good_at is None):
            return Outcome(collector, subject, (), seconds, read_at, absent=failure.absent)
        retained = record.list_retained(samples, self.world.age_clock())
        samples = [*samples, *retained]
        return Outcome(collector, subject, samples, seconds, record.good_at, failure.name, retained=retained)

    def _build_outcome(self, run: Run, seconds: float) -> Outcome:
        """Return a run's outcome; a run that has not ended counts as a timeout of scrapes of this many seconds."""
        with self._lock:
            outcome = run.outcome
            if outcome is not None:
                return outcome
            self.records[run.key].timeouts[round_deadline(seconds)] += 1
            outcome = self._classify(run.plan, [], time.monotonic() - run.started, 0.0, TIMEOUT)
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
                # A client chooses the deadline, and could alternate between a short and a long one.
                more = self._throttle(name) if failure is TIMEOUT else ""
                record.quiet = record.quiet or more is None
                level = logging.DEBUG if record.quiet else logging.WARNING
                return level, f"collector {name} failed: {failure.message}{more or ''}"
            record.quiet = record.quiet or was_quiet
        elif before is not None and before.error:
            return logging.DEBUG if was_quiet else logging.INFO, f"collector {name} works again"
        elif outcome.absent is not None and (before is None or before.absent != outcome.absent):
            return logging.DEBUG, f"collector {name} has nothing to watch: {outcome.absent}"
        return None


def _log(line: _LogLine | None) -> None:
    """Write a line to the log; call it without the lock, since the log's reader may be slow."""
    if line is not None:
        log.log(line[0], "%s", line[1])
