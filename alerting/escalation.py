"""Escalation: `then: [{after: 15m, to: management}]` of a route, as rules on ALERTS.

Alertmanager has no escalation. So a rule of the same name watches ALERTS and fires after the given time, with all
labels of the alert and with `escalation`, the team to notify. Since it has the alert's labels, a silence of the alert
also holds for the step: silencing is acknowledging, by `deckwatch alerts ack` or on Alertmanager's own page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.alerting import formatting
from deckwatch.alerting.model import MAX_RULES
from deckwatch.alerting.routes import Selection, format_matcher
from deckwatch.core import units
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.routes import Route
    from deckwatch.core.yaml_file import Document

GROUP_NAME = "escalation-steps"  # no topic's name has a hyphen
TEAM_LABEL = "escalation"
STEP_LABEL = "escalation_step"  # two steps may notify one team, and two rules must not produce the same series


@dataclass(frozen=True)
class EscalationRule:
    """A rule that notifies a team of an alert that nobody has acknowledged for `hold` seconds."""

    alert: Alert
    number: int  # of the step in its route, from 1
    team: str
    hold: float
    expr: str

    def as_data(self, alert_input: Mapping[str, object]) -> dict[str, object]:
        """Return the Jsonnet library's input for this rule, derived from its input for the alert."""
        return {
            **alert_input,
            "watched": self.expr,
            "operator": "",
            "limit": "",
            "hold": formatting.format_duration(self.hold),
            "keep": "",
            "labels": {TEAM_LABEL: self.team, STEP_LABEL: str(self.number)},
            "summary": f"Nobody has acknowledged for {formatting.format_duration(self.hold)}: {self.alert.summary}",
            "threshold": "",
            "metric": "ALERTS",
            "humanize": None,
        }


def build_rules(routes: Sequence[Route], alerts: Sequence[Alert]) -> Iterator[EscalationRule]:
    """Yield the rules of all routes. As in Alertmanager, only the first route that matches an alert counts."""
    for i, route in enumerate(routes):
        for number, step in enumerate(route.steps, 1):
            for alert in alerts:
                earlier = [other.selection for other in routes[:i] if other.selection.matches_alert(alert)]
                if not route.selection.matches_alert(alert) or any(not selection.labels for selection in earlier):
                    continue
                expr = _firing_selector(alert, route.selection)
                expr += "".join(f" unless {_firing_selector(alert, selection)}" for selection in earlier)
                hold = units.parse_duration(step.after)
                for team in step.to:
                    yield EscalationRule(alert, number, team, hold, f"max without (alertstate) ({expr}) == 1")


def split_groups(rules: Sequence[EscalationRule]) -> Iterator[tuple[str, Sequence[EscalationRule]]]:
    """Yield (group name, rules), each group with at most MAX_RULES."""
    for i in range(0, len(rules), MAX_RULES):
        number = f"-{i // MAX_RULES + 1}" if i else ""
        yield f"{GROUP_NAME}{number}", rules[i : i + MAX_RULES]


def find_problems(project: Document, routes: Sequence[Route], alerts: Sequence[Alert]) -> Iterator[Problem]:
    """Yield problems of escalation steps that the schema cannot see."""
    teams = (project.data or {}).get("teams", {})
    reached = {(rule.alert.name, rule.team) for rule in build_rules(routes, alerts)}
    for route in routes:
        previous = 0.0
        for j, step in enumerate(route.steps):
            path = (*route.selection.path, "then", j)
            for name in step.to:
                if name not in teams:
                    hint = did_you_mean(name, teams)
                    yield project.problem((*path, "to"), f"no team is called {name}", hint, check="route")
            if units.parse_duration(step.after) <= previous:
                yield project.problem((*path, "after"), "not later than the previous step", check="route")
            previous = units.parse_duration(step.after)
        if route.steps and not any((alert.name, team) in reached for alert in alerts for team in route.steps[0].to):
            message = "no alert reaches this step: earlier routes match them all"
            yield project.problem((*route.selection.path, "then"), message, check="route", key=True)


def _firing_selector(alert: Alert, selection: Selection) -> str:
    """Return the selector of an alert that fires, its own escalation steps excluded."""
    parts = [f'alertname="{alert.name}"', 'alertstate="firing"', f'{TEAM_LABEL}=""']
    parts += [format_matcher(label, values) for label, values in selection.labels.items()]
    return f"ALERTS{{{', '.join(parts)}}}"
