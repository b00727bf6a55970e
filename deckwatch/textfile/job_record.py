"""The metrics of one job and its file, from which the counters continue after each execution."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.instrument import job_metrics
from deckwatch.textfile import process_identity, prom_file
from deckwatch.textfile.prom_file import Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.instrument.metrics import MetricDeclaration
    from deckwatch.textfile.process_identity import ProcessIdentity

_RUN = "# run "  # a comment of the format: an execution in progress
_UNSEEN_SECONDS = 7 * 86400.0  # after which an execution in another container is taken to have ended
_GAUGES = {
    "start": job_metrics.LAST_START,
    "end": job_metrics.LAST_END,
    "success": job_metrics.LAST_SUCCESS,
    "duration": job_metrics.LAST_DURATION,
    "code": job_metrics.LAST_EXIT_CODE,
    "output": job_metrics.LAST_OUTPUT,
    "interval": job_metrics.INTERVAL,
}


class Run(NamedTuple):
    """An execution in progress: its wrapper and its start (Unix time)."""

    process: ProcessIdentity
    started: float


@dataclass
class JobRecord:
    """What is known about a job: counters since its first execution, and values of the last one.

    `last` has the keys of `_GAUGES`; times are Unix times, durations are in seconds. `buckets` has one count per bound
    and one for what is longer.
    """

    name: str
    tenant: str
    executions: dict[str, float] = field(default_factory=lambda: dict.fromkeys(job_metrics.STATUSES, 0.0))
    buckets: list[float] = field(default_factory=lambda: [0.0] * (len(job_metrics.BUCKETS) + 1))
    seconds: float = 0.0
    skipped: float = 0.0
    last: dict[str, float] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def start_run(self, run: Run) -> None:
        """Record a start. Executions whose wrapper ended without a record, such as by a power cut, count as failed."""
        for other in list(self.runs):
            running = process_identity.is_running(other.process)
            if running is False or (running is None and time.time() - other.started > _UNSEEN_SECONDS):
                self.runs.remove(other)
                self.executions["failed"] += 1
        self.runs.append(run)
        self.last["start"] = run.started

    def end_run(self, run: Run, status: str, end: float, duration: float, code: int) -> None:
        """Record an end: a status of `job_metrics.STATUSES`, a Unix time, seconds and an exit code."""
        self.runs = [other for other in self.runs if other.process != run.process]
        self.executions[status] = self.executions.get(status, 0.0) + 1
        self.buckets[bisect_left(job_metrics.BUCKETS, duration)] += 1
        self.seconds += duration
        self.last |= {"end": end, "duration": duration, "code": code}
        if status == "succeeded":
            self.last["success"] = end

    def render(self) -> str:
        """Return the text of the file."""
        runs = [f"{_RUN}{run.process.to_text()} {run.started!r}\n" for run in self.runs]
        return "".join(runs) + prom_file.render_families(self._list_families())

    def _list_families(self) -> Iterator[tuple[MetricDeclaration, list[Series]]]:
        labels = (self.tenant, self.name)
        counts = self.executions.items()
        yield job_metrics.EXECUTIONS, [Series(count, (*labels, status)) for status, count in counts]
        total, buckets = 0.0, []
        for bound, count in zip((*job_metrics.BUCKETS, float("inf")), self.buckets, strict=True):
            total += count
            buckets.append(Series(total, labels, "_bucket", prom_file.format_number(bound)))
        sums = [Series(self.seconds, labels, "_sum"), Series(total, labels, "_count")]
        yield job_metrics.DURATION, [*buckets, *sums]
        yield job_metrics.RUNNING, [Series(len(self.runs), labels)]
        yield job_metrics.SKIPPED, [Series(self.skipped, labels)]
        for key, metric in _GAUGES.items():
            yield metric, [Series(self.last[key], labels)] if key in self.last else []


def parse_record(text: str, name: str, tenant: str) -> JobRecord:
    """Return the record that `JobRecord.render` wrote; raises ValueError for a text that it did not write."""
    record = JobRecord(name, tenant)
    cumulative: dict[str, float] = {}
    gauges = {metric.name: key for key, metric in _GAUGES.items()}
    for line in text.splitlines():
        if line.startswith(_RUN):
            words, _, started = line.removeprefix(_RUN).rpartition(" ")
            if (process := process_identity.parse_identity(words)) is not None:
                record.runs.append(Run(process, float(started)))
    for metric, labels, value in prom_file.parse_series(text):
        if metric == job_metrics.EXECUTIONS.name:
            record.executions[labels.get("status", "")] = value
        elif metric == f"{job_metrics.DURATION.name}_bucket":
            cumulative[labels.get("le", "")] = value
        elif metric == f"{job_metrics.DURATION.name}_sum":
            record.seconds = value
        elif metric == job_metrics.SKIPPED.name:
            record.skipped = value
        elif metric in gauges:
            record.last[gauges[metric]] = value
    if cumulative:
        record.buckets = _split_buckets(cumulative)
    return record


def _split_buckets(cumulative: dict[str, float]) -> list[float]:
    """Return the count of each bucket from cumulative counts by bound.

    A bound that the file lacks, as written by another version, adds its executions to the next one.
    """
    counts, before = [], 0.0
    for bound in (*job_metrics.BUCKETS, float("inf")):
        total = max(before, cumulative.get(prom_file.format_number(bound), before))
        counts.append(total - before)
        before = total
    return counts
