"""Apply a project's `build: set:` and `build: disable:` to the thresholds and alerts of the live page.

Most names there belong to dashboards and to alerts that the page does not evaluate; `deckwatch check` reports unknown
ones. Where a value is not valid, the shipped one remains.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deckwatch.core import units
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.problems import Place
    from deckwatch.core.project import Project
    from deckwatch.exporter.live.rules import AlertRule, Rules

_KEYWORDS = {">": "above", "<": "below", "==": "is"}


@dataclass(frozen=True)
class Overrides:
    """The limits that a project sets, by name with their places, and the names of what it disables."""

    limits: Mapping[str, tuple[Any, Place]] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()


def read_overrides(project: Project) -> Overrides:
    """Return a project's limits and disabled names; mappings under `set:` change dashboards."""
    build = project.data.get("build") or {}
    place = project.document.place
    limits = {
        name: (value, place(("build", "set", name), key=True))
        for name, value in (build.get("set") or {}).items()
        if not isinstance(value, dict)
    }
    return Overrides(limits, frozenset(build.get("disable") or ()))


def apply_overrides(rules: Rules, overrides: Overrides) -> tuple[Rules, list[Problem]]:
    """Return the rules with a project's changes, and a problem for each value that is not valid."""
    if not overrides.limits and not overrides.disabled:
        return rules, []
    problems: list[Problem] = []
    values = dict(_read_values(rules, overrides, problems))
    thresholds = {
        signal: {
            **known,
            "limits": {word: values.get(f"{signal}.{word}", limit) for word, limit in known["limits"].items()},
        }
        for signal, known in rules.thresholds.items()
    }
    alerts = tuple(_adjust_alert(alert, values) for alert in rules.alerts if alert.name not in overrides.disabled)
    return replace(rules, thresholds=thresholds, alerts=alerts), problems


def _read_values(rules: Rules, overrides: Overrides, problems: list[Problem]) -> Iterator[tuple[str, float]]:
    """Yield the known limits that a project sets, each in its unit; durations are in seconds."""
    known = {f"{name}.{word}": known["unit"] for name, known in rules.thresholds.items() for word in known["limits"]}
    known |= {alert.threshold: alert.unit for alert in rules.alerts if alert.threshold}
    known |= {f"{rule.name}.{_KEYWORDS[rule.operator]}": rule.unit for rule in rules.alerts if rule.operator}
    holds = {f"{alert.name}.for" for alert in rules.alerts if alert.hold}
    for name, (value, place) in overrides.limits.items():
        try:
            if name in holds:
                yield name, units.parse_duration(str(value))
            elif name in known:
                yield name, float(units.parse_quantity(value, known[name]))
        except ValueError as error:
            problems.append(Problem(place, f"{name}: {error}", "the page at / keeps the shipped one"))


def _adjust_alert(alert: AlertRule, values: Mapping[str, float]) -> AlertRule:
    """Return an alert with the limit of its signal, unless it has one of its own."""
    limit = values.get(alert.threshold, alert.limit)
    if alert.operator:
        limit = values.get(f"{alert.name}.{_KEYWORDS[alert.operator]}", limit)
    return replace(alert, limit=limit, hold=values.get(f"{alert.name}.for", alert.hold))
