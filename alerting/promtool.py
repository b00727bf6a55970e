"""Run promtool's unit tests of generated rules, and report failures at the proof's position in the YAML.

promtool evaluates every rule of a test's rule files at every step. Each alert is therefore tested with a rule file that
holds nothing but its own rule and the recording rules that it reads, which takes a quarter of the time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.alerting import formatting, rule_slices, unit_tests
from deckwatch.alerting.render_rules import RULES_FOLDER
from deckwatch.core.problems import DeckwatchError, Place, Problem
from deckwatch.core.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from deckwatch.alerting.model import Alert, Group, Recording
    from deckwatch.core.artifact import Artifact

GET = "it comes with Prometheus: apt-get install prometheus, or https://prometheus.io/download"

_TIMEOUT_SECONDS = 600.0

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
    groups: Sequence[Group], artifacts: Iterable[Artifact], done: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Run the tests of all topics, whose rules are in `artifacts`, and call `done` with each outcome.

    Raises NoPromtool, and DeckwatchError where promtool rejects a rule file.
    """
    program = shutil.which("promtool")
    if program is None:
        raise NoPromtool
    recordings = {recording.name: recording for group in groups for recording in group.recordings}
    tested = [group for group in groups if group.alerts]
    with tempfile.TemporaryDirectory(prefix="deckwatch-test-") as name:
        folder = Path(name)
        written = _write_artifacts(folder, artifacts)
        _check_rules(program, [path for path in written if path.parent.name != "tests"])
        slices = rule_slices.write_slices(folder / RULES_FOLDER, [group.topic for group in tested], folder / "alerts")

        def run_topic(group: Group) -> Outcome:
            tests = [test for alert in group.alerts for test in unit_tests.build_tests(alert, recordings)]
            output = _run_tests(program, slices[group.topic])
            problems = explain(output, {alert.name: alert for alert in group.alerts}, recordings)
            outcome = Outcome(group.topic, len(tests), sum(len(test["at"]) for test in tests), tuple(problems))
            done(outcome)
            return outcome

        # The longest first, so that no processor is left alone with it at the end.
        longest_first = sorted(tested, key=lambda group: -sum(path.stat().st_size for path in slices[group.topic]))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = {outcome.topic: outcome for outcome in pool.map(run_topic, longest_first)}
        return [outcomes[group.topic] for group in tested]


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


def _check_rules(program: str, files: Sequence[Path]) -> None:
    argv = [program, "check", "rules", *map(str, files)]
    process = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)
    if process.returncode:
        raise DeckwatchError(f"promtool rejects the rules:\n{process.stderr or process.stdout}")


def _run_tests(program: str, files: Sequence[Path]) -> str:
    """Return promtool's output about test files if one of them fails, else an empty string."""
    argv = [program, "test", "rules", *map(str, files)]
    process = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)
    return process.stdout + process.stderr if process.returncode else ""


def explain(text: str, alerts: Mapping[str, Alert], recordings: Mapping[str, Recording]) -> list[Problem]:
    """Return promtool's failures as problems at their proofs; output of an unknown form is one problem, verbatim."""
    if not text:
        return []
    problems = []
    for failure in _FAILURE.finditer(text):
        alert = alerts.get(failure["alert"])
        if alert is not None:
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
