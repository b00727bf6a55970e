"""Test results in JUnit's XML, as pytest, Maven, Gradle, go-junit-report, jest-junit and TAP converters write it.

The format has no specification; https://github.com/testmoapp/junitxml describes what programs write. Test cases are
counted, since the totals in attributes differ in what they count; totals are used only where a suite lists no cases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from deckwatch.core.problems import InvalidInput, Place, Problem
from deckwatch.textfile.xml_events import read_events

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deckwatch.textfile.xml_events import Event

_SUITES = ("testsuites", "testsuite")
_FAULTS = ("failure", "error")
_NOT_RUN = frozenset(("notrun", "skipped", "disabled", "suppressed"))  # GoogleTest's `status` and `result`
_MAX_NAME = 200  # letters of a test's name
_MAX_FAILING = 100  # tests that are listed by name
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")  # surefire writes 1,234.5


@dataclass
class TestRun:
    """The result of a run: numbers of tests, duration in seconds, end as a Unix time.

    `failing` has the class of the error, '' if unknown, by test: the first hundred of them.
    """

    __test__ = False  # pytest takes any class of this name for tests

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    ended: float = 0.0
    failing: dict[str, str] = field(default_factory=dict)


def read_reports(paths: Iterable[Path]) -> TestRun:
    """Return the run that several reports describe together, such as one per class of Maven.

    Raises InvalidInput with the problems of all files: a run of which a part is unreadable has no result.
    """
    run = TestRun()
    problems: list[Problem] = []
    for path in paths:
        try:
            _Report(path, run).read_report()
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
    return run


class _Report:
    """Reads one file and adds it to a run."""

    def __init__(self, path: Path, run: TestRun) -> None:
        self._path = path
        self._run = run
        self._cases: list[int] = []  # number of cases within each open suite
        self._case: str | None = None
        self._faults: dict[str, str] = {}  # of the current case: class of the error by the element's name
        self._is_skipped = False
        self._before: tuple[str, bool] = ("", False)  # the test before, and whether it failed with <failure>
        self._seconds = 0.0  # of all cases
        self._ended = 0.0
        self._totals: list[float] = []  # durations of the outermost suites that state one

    def read_report(self) -> None:
        """Read the file. Raises InvalidInput."""
        for event in read_events(self._path):
            if event.is_start:
                self._start_element(event)
            else:
                self._end_element(event)
        run = self._run
        run.seconds += sum(self._totals) if self._totals else self._seconds
        run.ended = max(run.ended, self._ended or self._path.stat().st_mtime)

    def _start_element(self, event: Event) -> None:
        if not self._cases and event.name not in _SUITES:
            place = Place(str(self._path), event.line, event.column)
            message = f"the root element is <{event.name}>, expected <testsuites> or <testsuite> of JUnit's format"
            raise InvalidInput([Problem(place, message, check="junit")])
        if event.name in _SUITES:
            self._cases.append(0)
        elif event.name == "testcase":
            words = (event.attributes.get("classname", ""), event.attributes.get("name", ""))
            self._case = ".".join(filter(None, words))[:_MAX_NAME]
            self._faults = {}
            self._is_skipped = bool({event.attributes.get("status"), event.attributes.get("result")} & _NOT_RUN)
        elif self._case is not None and event.name in _FAULTS:
            kind, message = event.attributes.get("type", ""), event.attributes.get("message", "")
            self._faults.setdefault(event.name, _error_class(kind) or _find_class(message))
        elif self._case is not None and event.name == "skipped":
            self._is_skipped = True

    def _end_element(self, event: Event) -> None:
        if event.name == "testcase" and self._case is not None:
            self._seconds += _parse_seconds(event.attributes.get("time", ""))
            self._count_case(self._case)
            self._cases[-1] += 1
            self._case = None
        elif event.name in _SUITES:
            number = self._cases.pop()
            if not number and event.name == "testsuite":
                number = self._count_totals(event.attributes)
            self._end_suite(event, number)

    def _count_case(self, name: str) -> None:
        run = self._run
        previous, had_failure = self._before
        self._before = (name, "failure" in self._faults)
        if had_failure and previous == name and "error" in self._faults:
            return  # pytest lists a failed test again if its teardown fails too
        if self._faults:
            run.failed += 1
            if len(run.failing) < _MAX_FAILING:
                run.failing.setdefault(name or "unnamed", next(iter(self._faults.values())))
        elif self._is_skipped:
            run.skipped += 1
        else:
            run.passed += 1

    def _count_totals(self, attributes: dict[str, str]) -> int:
        """Count the tests of a suite that lists none; return their number."""
        tests, failures, errors = (_parse_count(attributes.get(name, "")) for name in ("tests", "failures", "errors"))
        skipped = _parse_count(attributes.get("skipped", "") or attributes.get("disabled", ""))
        failed = min(failures + errors, tests)
        self._run.failed += failed
        self._run.skipped += min(skipped, tests - failed)
        self._run.passed += max(0, tests - failed - skipped)
        return tests

    def _end_suite(self, event: Event, number: int) -> None:
        """Add a suite to the one around it; an outermost duration replaces those of the suites within."""
        if self._cases:
            self._cases[-1] += number
        if "time" in event.attributes and len(self._cases) <= 1:
            seconds = _parse_seconds(event.attributes["time"])
            self._totals = [*self._totals, seconds] if self._cases else [seconds or sum(self._totals)]
        self._ended = max(self._ended, _end_of(event.attributes))


def _end_of(attributes: dict[str, str]) -> float:
    """Return the end of a suite as a Unix time; 0 where its time stamp states no offset and so no moment."""
    try:
        start = datetime.fromisoformat(attributes.get("timestamp", "").strip())
    except ValueError:
        return 0.0
    return 0.0 if start.tzinfo is None else start.timestamp() + _parse_seconds(attributes.get("time", ""))


def _parse_seconds(text: str) -> float:
    """Return a duration; 0 for what is none."""
    text = text.strip()
    text = text.replace(",", "") if _THOUSANDS.fullmatch(text) and not text.startswith("0") else text.replace(",", ".")
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e9 else 0.0


def _parse_count(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _error_class(text: str) -> str:
    """Return the class in an attribute `type`, such as AssertionError; '' for free text."""
    name = re.split(r"[.:$/\\]", text.strip())[-1]
    return name if re.fullmatch(r"[A-Za-z_]\w{0,59}", name) else ""


def _find_class(message: str) -> str:
    """Return the class in a message of pytest, which writes no `type`: `ValueError: x`, `assert 1 == 2`."""
    if message.startswith("assert "):
        return "AssertionError"
    match = re.match(r"(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w{0,59})(?::|$)", message)
    return match[1] if match and match[1].endswith(("Error", "Exception")) else ""
