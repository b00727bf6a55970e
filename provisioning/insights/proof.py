"""Run the proofs of insights with promtool: what a rule says about the series of each proof.

promtool expects nothing and prints what it found instead; the sentences are made from that as from the answer
of a Prometheus. Labels name the rule and the proof of each series, so that one process runs the proofs of all rules.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.alerting import promtool, series_notation
from deckwatch.alerting.model import SeriesStep
from deckwatch.alerting.series_notation import INTERVAL
from deckwatch.core.problems import DeckwatchError, Problem
from deckwatch.core.yaml_write import dump_yaml
from deckwatch.provisioning.insights import find, queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.provisioning.insights.find import Samples
    from deckwatch.provisioning.insights.model import InsightProof, Rule

RANGE_SECONDS = 86400.0
_FOUND = re.compile(r'\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\} ([-+.\w]+)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_FAILED = re.compile(r"expr: \"(.*)\", time: \S+, err: (.*)")
_BETWEEN = "|"  # the name of a rule, the number of a proof and a field


@dataclass(frozen=True, slots=True)
class ProofOutcome:
    """The result of one rule: the number of its proofs, and problems at those that fail."""

    rule: str
    proofs: int
    problems: tuple[Problem, ...]


def run_proofs(rules: Sequence[Rule], seconds: float = promtool.TIMEOUT_SECONDS) -> list[ProofOutcome]:
    """Return the outcome of each rule. promtool has `seconds` for all of them.

    Raises NoPromtool, and DeckwatchError where promtool cannot run.
    """
    program = shutil.which("promtool")
    if program is None:
        raise promtool.NoPromtool
    found, failures = _run_tests(program, rules, seconds) if rules else ({}, {})
    return [ProofOutcome(rule.name, len(rule.proofs), tuple(_find_problems(rule, found, failures))) for rule in rules]


def _run_tests(program: str, rules: Sequence[Rule], seconds: float) -> tuple[dict[str, Samples], dict[str, str]]:
    """Return the series found by each part of a test, and the reasons why tests failed, both by name."""
    with tempfile.TemporaryDirectory(prefix="deckwatch-insights-") as folder:
        file = Path(folder, "tests.yaml")
        tests = [_build_test(rule, number, proof) for rule in rules for number, proof in enumerate(rule.proofs)]
        file.write_text(dump_yaml({"evaluation_interval": "1d", "tests": tests}), encoding="utf-8")
        try:
            process = promtool.run_promtool([program, "test", "rules", str(file)], seconds)
        except promtool.Unfinished as error:
            raise DeckwatchError(f"the insights were not tested: {error}; {error.hint}") from None
    return parse_output(process.stdout + process.stderr)


def parse_output(text: str) -> tuple[dict[str, Samples], dict[str, str]]:
    """Return the series in promtool's output by their part, and the reasons of failures by rule and proof."""
    found: dict[str, Samples] = {}
    lines = [line for line in text.split("\n") if line.lstrip().startswith("got:")]  # one for each test
    for labels_text, value in (pair for line in lines for pair in _FOUND.findall(line)):
        labels = {name: _unescape_text(label) for name, label in _LABEL.findall(labels_text)}
        part = labels.pop(queries.PART, "")
        try:
            found.setdefault(part, []).append((labels, float(value)))
        except ValueError:
            continue
    failures = {}
    for expr, reason in _FAILED.findall(text):
        for part in re.findall(rf'{queries.PART}\\", \\"([^"\\]+)', expr):
            failures[part.rpartition(_BETWEEN)[0]] = reason
    return found, failures


def _build_test(rule: Rule, number: int, proof: InsightProof) -> dict[str, Any]:
    """Return a test of promtool for one proof; it expects nothing."""
    end = max((sum(step.seconds for step in given.steps) for given in proof.inputs), default=0.0) or RANGE_SECONDS
    series = [
        {
            "series": str(series_notation.parse_series(given.series)),
            "values": series_notation.format_steps(
                series_notation.extend_steps(given.steps or [SeriesStep(end, value=given.constant)], end)
            ),
        }
        for given in proof.inputs
    ]
    parts = [(_name_part(rule, number), queries.build_condition(rule, RANGE_SECONDS))]
    parts += [
        (_name_part(rule, number, name), queries.build_value(rule, quantity, RANGE_SECONDS))
        for name, quantity in rule.values.items()
    ]
    return {
        "interval": f"{INTERVAL:.0f}s",
        "input_series": series,
        "promql_expr_test": [
            {"expr": queries.unite_parts(parts), "eval_time": f"{end:.0f}s", "exp_samples": []},
        ],
    }


def _find_problems(rule: Rule, found: Mapping[str, Samples], failures: Mapping[str, str]) -> Iterator[Problem]:
    for number, proof in enumerate(rule.proofs):
        if (reason := failures.get(_name_part(rule, number).rpartition(_BETWEEN)[0])) is not None:
            yield rule.document.problem(proof.path, f"Prometheus refuses the query: {reason}", check="proof", key=True)
            continue
        values = {name: found.get(_name_part(rule, number, name), []) for name in rule.values}
        samples = found.get(_name_part(rule, number), [])
        insights = find.sort_insights(rule, find.build_insights(rule, samples, values, RANGE_SECONDS))
        actual = tuple(insight.text for insight in insights[: rule.shown])
        if actual != proof.sentences:
            path = (*proof.path, "says") if proof.sentences else (*proof.path, "silent")
            yield rule.document.problem(path, _describe_difference(rule, proof.sentences, actual), check="proof")


def _describe_difference(rule: Rule, expected: Iterable[str], actual: Sequence[str]) -> str:
    wrong = next((text for text in actual if text not in expected), "")
    if wrong:
        return f"{rule.name} says: {wrong}"
    missing = next((text for text in expected if text not in actual), "")
    return f"{rule.name} does not say: {missing}" if missing else f"{rule.name} says this in another order"


def _name_part(rule: Rule, number: int, name: str = "") -> str:
    return _BETWEEN.join((rule.name, str(number), name))


def _unescape_text(text: str) -> str:
    """Return a label's value from Go's notation of strings."""

    def replace(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(replace, text)
