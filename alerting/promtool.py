"""Run promtool's unit tests of generated rules, and report failures at the proof's position in the YAML.

promtool evaluates every rule of a test's rule files at every step. Each alert is therefore tested with a rule file that
holds nothing but its own rule and the recording rules that it reads, which takes a quarter of the time. A process tests
several alerts, since a new one costs as much as a short test; where it fails, each of them is tested again by itself,
so that a failure, a time limit or a kill concerns one alert.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.alerting import formatting, rule_slices, unit_tests
from deckwatch.alerting.render_rules import RULES_FOLDER
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import DeckwatchError, Place, Problem
from deckwatch.core.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from deckwatch.alerting.model import Alert, Group, Recording
    from deckwatch.core.artifact import Artifact

GET = "it comes with Prometheus: apt-get install prometheus, or https://prometheus.io/download"

TIMEOUT_SECONDS = 600.0  # for the tests of one alert, which take a second

_BATCHES_PER_PROCESSOR = 6

# promtool allocates at each evaluation: with Go's defaults, its garbage collector takes a fifth of the CPU time. This
# takes 90 MiB instead of 60. A process for each processor runs at once, so that one thread is enough for each.
_ENVIRONMENT = {"GOGC": "400", "GOMAXPROCS": "1"}

_FAILURE = re.compile(
    r"""expr:\ ".*?ALERTS\{alertname=\\"(?P<alert>\w+)\\".*?",\ time:\ (?P<time>\w+),
        \s*exp:(?P<expected>.*?)\n\s*got:(?P<got>.*)""",
    re.VERBOSE,
)


class NoPromtool(DeckwatchError):
    """promtool is not installed."""

    def __init__(self) -> None:
        super().__init__(f"promtool is not installed; {GET}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one topic: the number of its tests and of the moments they check; problems point at proofs."""

    topic: str
    tests: int
    moments: int
    problems: tuple[Problem, ...] = ()


def run(
    groups: Sequence[Group],
    artifacts: Iterable[Artifact],
    done: Callable[[str], None] = lambda _: None,
    *,
    tested: Sequence[Group] | None = None,
    seconds: float = TIMEOUT_SECONDS,
) -> list[Outcome]:
    """Run the tests of all topics, or those of the alerts in `tested`; call `done` with each finished alert's name.

    The rules of `groups` are in `artifacts`. promtool has `seconds` for each alert. Raises NoPromtool, and
    DeckwatchError where promtool rejects a rule file or cannot run at all.
    """
    program = shutil.which("promtool")
    if program is None:
        raise NoPromtool
    recordings = {recording.name: recording for group in groups for recording in group.recordings}
    tested = [group for group in (groups if tested is None else tested) if group.alerts]
    with tempfile.TemporaryDirectory(prefix="deckwatch-test-") as name:
        folder = Path(name)
        written = _write_artifacts(folder, artifacts)
        _check_rules(program, [path for path in written if path.parent.name != "tests"], seconds)
        alerts = {group.topic: [alert.name for alert in group.alerts] for group in tested}
        slices = rule_slices.write_slices(folder / RULES_FOLDER, alerts, folder / "alerts")

        def test_alert(alert: Alert) -> list[Problem]:
            try:
                return explain(_run_tests(program, [slices[alert.name]], seconds), alert, recordings)
            except Unfinished as error:
                place = alert.document.place((*alert.path, "proof"), key=True)
                return [Problem(place, f"{alert.name} was not tested: {error}", error.hint, check="proof")]

        def test_batch(batch: Sequence[Alert]) -> dict[str, list[Problem]]:
            found: dict[str, list[Problem]] = {}
            passed = len(batch) > 1 and _all_pass(program, [slices[alert.name] for alert in batch], seconds)
            for alert in batch:
                found[alert.name] = [] if passed else test_alert(alert)
                done(alert.name)
            return found

        sizes = {alert.name: slices[alert.name].stat().st_size for group in tested for alert in group.alerts}
        batches = _batch_alerts([alert for group in tested for alert in group.alerts], sizes)
        found: dict[str, list[Problem]] = {}
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            for problems in pool.map(test_batch, batches):
                found.update(problems)
        finally:
            pool.shutdown(cancel_futures=True)  # so that Ctrl-C does not wait for all other alerts
    return [_summarize_group(group, recordings, found) for group in tested]


def _batch_alerts(alerts: Iterable[Alert], sizes: Mapping[str, int]) -> list[list[Alert]]:
    """Return alerts in batches whose test files are of about the same size together, the longest tests first.

    Long tests stay alone, and no processor is left with one of them at the end.
    """
    ordered = sorted(alerts, key=lambda alert: -sizes[alert.name])
    limit = sum(sizes.values()) / (_BATCHES_PER_PROCESSOR * (os.cpu_count() or 1))
    batches: list[list[Alert]] = []
    size = limit
    for alert in ordered:
        if size + sizes[alert.name] > limit:
            batches.append([])
            size = 0
        batches[-1].append(alert)
        size += sizes[alert.name]
    return batches


def _summarize_group(
    group: Group, recordings: Mapping[str, Recording], found: Mapping[str, Sequence[Problem]]
) -> Outcome:
    """Return a topic's outcome from the problems of its alerts."""
    tests = [test for alert in group.alerts for test in unit_tests.build_tests(alert, recordings)]
    problems = tuple(problem for alert in group.alerts for problem in found[alert.name])
    return Outcome(group.topic, len(tests), sum(len(test["at"]) for test in tests), problems)


def _write_artifacts(folder: Path, artifacts: Iterable[Artifact]) -> list[Path]:
    """Write rules and tests; return their files."""
    result = []
    for artifact in artifacts:
        if artifact.path.startswith(f"{RULES_FOLDER}/"):
            path = folder / artifact.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(artifact.text, encoding="utf-8")
            result.append(path)
    return result


def _check_rules(program: str, files: Sequence[Path], seconds: float) -> None:
    try:
        process = run_promtool([program, "check", "rules", *map(str, files)], seconds)
    except Unfinished as error:
        raise DeckwatchError(f"the rules could not be checked: {error}; {error.hint}") from None
    if process.returncode:
        raise DeckwatchError(f"promtool rejects the rules:\n{process.stderr or process.stdout}")


def _run_tests(program: str, files: Sequence[Path], seconds: float) -> str:
    """Return promtool's output about test files if one of them fails, else an empty string; raises Unfinished."""
    process = run_promtool([program, "test", "rules", *map(str, files)], seconds)
    return process.stdout + process.stderr if process.returncode else ""


def _all_pass(program: str, files: Sequence[Path], seconds: float) -> bool:
    """Return whether promtool finishes and no test file fails."""
    try:
        return not _run_tests(program, files, seconds)
    except Unfinished:
        return False


class Unfinished(Exception):
    """promtool has not finished; `hint` is what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def run_promtool(argv: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Return a finished process; raises Unfinished if it is too slow or killed, DeckwatchError if it cannot start."""
    environment = {**_ENVIRONMENT, **os.environ}
    try:
        process = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=seconds, errors="replace", env=environment
        )
    except subprocess.TimeoutExpired:
        hint = f"test fewer alerts at a time (`{format_command('test', 'ALERT')}`), or give it longer with --timeout"
        raise Unfinished(f"promtool took longer than {seconds:g} s", hint) from None
    except OSError as error:
        raise DeckwatchError(f"{argv[0]} cannot be run: {(error.strerror or str(error)).lower()}; {GET}") from None
    if process.returncode < 0:
        number = -process.returncode
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        fewer = f"test fewer alerts at a time (`{format_command('test', 'ALERT')}`)"
        hint = f"out of memory, if nobody ended it: {fewer}"
        raise Unfinished(f"promtool was killed by {name}", hint)
    return process


def explain(text: str, alert: Alert, recordings: Mapping[str, Recording]) -> list[Problem]:
    """Return an alert's failures as problems at their proofs; output of an unknown form is one problem, verbatim."""
    if not text:
        return []
    problems = []
    for failure in _FAILURE.finditer(text):
        if failure["alert"] == alert.name:
            fired = failure["got"].strip() != "nil"
            wanted = failure["expected"].strip() != "nil"
            problems.append(_problem(alert, recordings, failure["time"], wanted=wanted, fired=fired))
    return problems or [Problem(Place("promtool"), text.strip(), check="proof")]


def _problem(alert: Alert, recordings: Mapping[str, Recording], time: str, *, wanted: bool, fired: bool) -> Problem:
    moment = formatting.format_duration(parse_duration(time))
    place = alert.document.place((*alert.path, "proof"), key=True)
    hint = ""
    for test in unit_tests.build_tests(alert, recordings):
        if any(check["time"] == moment and (check["labels"] is not None) == wanted for check in test["at"]):
            hint = test["name"].partition(": ")[2]
            if number := re.search(r"proof (\d+)", hint):
                place = alert.document.place((*alert.path, "proof", int(number[1]) - 1))
            break
    if wanted and fired:
        message = f"{alert.name} fires after {moment} with labels that differ from those of the proof"
    elif wanted:
        message = f"{alert.name} does not fire after {moment}"
    else:
        message = f"{alert.name} fires after {moment} and should not"
    return Problem(place, message, hint, check="proof")
