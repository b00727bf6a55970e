"""Runs promtool's unit tests of generated rules, and tells where in the YAML a proof fails."""

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

from deckwatch.alerting import formatting, unit_tests
from deckwatch.alerting.render_rules import RULES_FOLDER
from deckwatch.core.problems import DeckwatchError, Place, Problem
from deckwatch.core.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from deckwatch.alerting.model import Alert, Group, Recording
    from deckwatch.core.artifact import Artifact

GET = "it comes with Prometheus: apt-get install prometheus, or https://prometheus.io/download"

_SECONDS = 600.0

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
    """What promtool said of one topic: how many tests there were, at how many moments; problems stand at proofs."""

    topic: str
    tests: int
    moments: int
    problems: tuple[Problem, ...] = ()


def run(
    groups: Sequence[Group], artifacts: Iterable[Artifact], done: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Run the tests of all topics, of which `artifacts` hold the rules, and call `done` with each outcome.

    Raises NoPromtool, and DeckwatchError where promtool refuses a rule file.
    """
    program = shutil.which("promtool")
    if program is None:
        raise NoPromtool
    recordings = {one.name: one for group in groups for one in group.recordings}
    with tempfile.TemporaryDirectory(prefix="deckwatch-test-") as name:
        folder = Path(name) / RULES_FOLDER
        _check(program, _written(Path(name), artifacts))

        def one(group: Group) -> Outcome:
            found = [test for alert in group.alerts for test in unit_tests.build_tests(alert, recordings)]
            said = _test(program, _tests(folder, group))
            problems = explain(said, {alert.name: alert for alert in group.alerts}, recordings)
            outcome = Outcome(group.topic, len(found), sum(len(test["at"]) for test in found), tuple(problems))
            done(outcome)
            return outcome

        tested = [group for group in groups if group.alerts]
        # The longest first, so that none of the processors is left alone with it in the end.
        longest_first = sorted(tested, key=lambda group: -_tests(folder, group).stat().st_size)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = {outcome.topic: outcome for outcome in pool.map(one, longest_first)}
        return [found[group.topic] for group in tested]


def _tests(folder: Path, group: Group) -> Path:
    return folder / "tests" / f"{group.topic}_test.yaml"


def _written(folder: Path, artifacts: Iterable[Artifact]) -> list[Path]:
    """Write rules and tests; return the rule files."""
    result = []
    for artifact in artifacts:
        if artifact.path.startswith(f"{RULES_FOLDER}/"):
            path = folder / artifact.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(artifact.text, encoding="utf-8")
            if path.parent.name != "tests":
                result.append(path)
    return result


def _check(program: str, files: Sequence[Path]) -> None:
    asked = [program, "check", "rules", *map(str, files)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode:
        raise DeckwatchError(f"promtool refuses the rules:\n{done.stderr or done.stdout}")


def _test(program: str, file: Path) -> str:
    """Return what promtool says of a test file that fails, '' of one that passes."""
    asked = [program, "test", "rules", str(file)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=_SECONDS)
    return done.stdout + done.stderr if done.returncode else ""


def explain(text: str, alerts: Mapping[str, Alert], recordings: Mapping[str, Recording]) -> list[Problem]:
    """Return promtool's failures as Problems at the proofs that they are of; what is not understood, as it stands."""
    if not text:
        return []
    found = []
    for failure in _FAILURE.finditer(text):
        alert = alerts.get(failure["alert"])
        if alert is not None:
            fired = failure["got"].strip() != "nil"
            wanted = failure["expected"].strip() != "nil"
            found.append(_problem(alert, recordings, failure["time"], wanted=wanted, fired=fired))
    return found or [Problem(Place("promtool"), text.strip(), check="proof")]


def _problem(alert: Alert, recordings: Mapping[str, Recording], time: str, *, wanted: bool, fired: bool) -> Problem:
    moment = formatting.format_duration(parse_duration(time))
    place = alert.document.place((*alert.path, "proof"), key=True)
    told = ""
    for test in unit_tests.build_tests(alert, recordings):
        if any(one["time"] == moment and (one["labels"] is not None) == wanted for one in test["at"]):
            told = test["name"].partition(": ")[2]
            if number := re.search(r"proof (\d+)", told):
                place = alert.document.place((*alert.path, "proof", int(number[1]) - 1))
            break
    if wanted and fired:
        message = f"{alert.name} fires after {moment} with other labels than those that the proof gives"
    elif wanted:
        message = f"{alert.name} does not fire after {moment}"
    else:
        message = f"{alert.name} fires after {moment} and should not"
    return Problem(place, message, told, check="proof")
