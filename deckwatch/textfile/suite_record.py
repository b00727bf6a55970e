"""The metrics of a test suite and its file, which also records since when and how often a test has failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.instrument.metrics import MetricDeclaration
from deckwatch.textfile import prom_file
from deckwatch.textfile.prom_file import Series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deckwatch.textfile.junit import TestRun

_SUITE = ("suite", "phase", "component")
TESTS = MetricDeclaration(
    "test_suite_tests", "gauge", "Tests of the last run by result: passed, failed or skipped.", (*_SUITE, "result")
)
DURATION = MetricDeclaration("test_suite_duration_seconds", "gauge", "Duration of the last run.", _SUITE, "seconds")
LAST_RUN = MetricDeclaration(
    "test_suite_last_run_timestamp_seconds", "gauge", "End of the last run.", _SUITE, "seconds"
)
FAILING_SINCE = MetricDeclaration(
    "test_case_failing_since_timestamp_seconds",
    "gauge",
    "End of the first of the runs in which a test has failed since it last passed.",
    (*_SUITE, "test", "error"),
    "seconds",
)
FAILED_ATTEMPTS = MetricDeclaration(
    "test_case_failed_attempts", "gauge", "Runs in which a test has failed since it last passed.", (*_SUITE, "test")
)
COMMAND = "junit"
METRICS = (TESTS, DURATION, LAST_RUN, FAILING_SINCE, FAILED_ATTEMPTS)


@dataclass(frozen=True, slots=True)
class Suite:
    """What the labels say about a suite; `phase` and `component` may be empty."""

    name: str
    phase: str = ""
    component: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the labels `suite`, `phase` and `component`."""
        return (self.name, self.phase, self.component)


def write_run(folder: Path, suite: Suite, run: TestRun) -> Path:
    """Write the metrics of a run, and return the file's path. Raises DeckwatchError."""
    path = folder / prom_file.file_name("junit", *suite.labels)
    with prom_file.lock_folder(folder):
        text = prom_file.render_families(_list_families(suite, run, prom_file.read_text(path)))
        prom_file.write_text(path, text)
    return path


def _list_families(suite: Suite, run: TestRun, before: str) -> Iterator[prom_file.Family]:
    labels = suite.labels
    counts = {"passed": run.passed, "failed": run.failed, "skipped": run.skipped}
    yield TESTS, [Series(count, (*labels, result)) for result, count in counts.items()]
    yield DURATION, [Series(run.seconds, labels)]
    yield LAST_RUN, [Series(run.ended, labels)]
    since, attempts, last_run = _parse_failures(before)
    is_new = run.ended != last_run  # the same report may be read again
    started = [(test, error, min(since.get(test, run.ended), run.ended)) for test, error in run.failing.items()]
    yield FAILING_SINCE, [Series(when, (*labels, test, error)) for test, error, when in started]
    yield (
        FAILED_ATTEMPTS,
        [Series(attempts.get(test, 0.0) + (is_new or test not in attempts), (*labels, test)) for test in run.failing],
    )


def _parse_failures(text: str) -> tuple[dict[str, float], dict[str, float], float]:
    """Return the first failure and the attempts of each failing test, and the end of the last run; empty if unknown."""
    since: dict[str, float] = {}
    attempts: dict[str, float] = {}
    last_run = 0.0
    try:
        series = prom_file.parse_series(text)
    except ValueError:
        series = []
    for name, labels, value in series:
        if name == FAILING_SINCE.name:
            since[labels.get("test", "")] = value
        elif name == FAILED_ATTEMPTS.name:
            attempts[labels.get("test", "")] = value
        elif name == LAST_RUN.name:
            last_run = value
    return since, attempts, last_run
