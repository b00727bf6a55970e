"""A project's limits of insights: those under `insights: set:`, and thresholds of signals under `build: set:`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.provisioning.documents import INSIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.project import Project
    from deckwatch.core.signals import Signal
    from deckwatch.core.yaml_file import Path
    from deckwatch.provisioning.insights.model import Rule

SET = "set"


def apply_limits(rules: Mapping[str, Rule], project: Project) -> tuple[dict[str, Rule], list[Problem]]:
    """Return the rules with a project's limits, and a problem for each unknown name and invalid value.

    A limit that is set by the name of its insight goes before one of a signal. The proofs of a rule assume its own
    limit, so one that is adjusted has none. An invalid threshold of a signal is reported where signals are read.
    """
    result, problems = dict(rules), []
    thresholds = (project.data.get("build") or {}).get(SET) or {}
    for name, rule in rules.items():
        if rule.threshold in thresholds:
            try:
                result[name] = _adjust_rule(rule, thresholds[rule.threshold])
            except ValueError:
                continue
    known = [name for name, rule in rules.items() if rule.operator]
    for name, value in ((project.data.get(INSIGHTS) or {}).get(SET) or {}).items():
        path: Path = (INSIGHTS, SET, name)
        place = project.document.place(path, key=True)
        if name in rules and name not in known:
            message = f"the limit of {name} is in its expression and cannot be set"
            problems.append(Problem(place, message))
            continue
        if name not in known:
            problems.append(Problem(place, f"no insight is called {name}", did_you_mean(name, known)))
            continue
        if percent := units.meant_percent(value, rules[name].unit):
            message = f"{value:g} of a ratio is {value:.0%}"
            problems.append(Problem(place, message, f"did you mean {percent}?", severity="warning"))
        try:
            result[name] = _adjust_rule(rules[name], value)
        except ValueError as error:
            problems.append(project.document.problem(path, str(error), check="insight"))
    return result, problems


def find_threshold_problems(rules: Iterable[Rule], signals: Mapping[str, Signal]) -> Iterator[Problem]:
    """Yield the thresholds in rules that no signal has."""
    known = [f"{name}.{word}" for name, signal in signals.items() for word in signal.thresholds]
    for rule in rules:
        if rule.threshold and rule.threshold not in known:
            message = f"no threshold is called {rule.threshold}"
            yield rule.document.problem(("threshold",), message, did_you_mean(rule.threshold, known), check="insight")


def _adjust_rule(rule: Rule, value: object) -> Rule:
    limit = units.parse_quantity(value, rule.unit)
    return rule if limit == rule.limit else replace(rule, limit=limit, proofs=(), adjusted=True)
