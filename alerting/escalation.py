"""Steps of escalation: `then: [{after: 15m, to: management}]` of a route, as rules on what fires.

Alertmanager has no steps. So a rule of the same name looks at ALERTS, fires with all labels of the alert and
`escalation`, the team that is told, after the time that was said. A silence of the alert holds for the step too, for
it has the same labels: silencing is acknowledging, whether by `deckwatch alerts ack` or in Alertmanager's own page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.alerting import formatting
from deckwatch.alerting.model import MAX_RULES
from deckwatch.alerting.routes import Selection, format_matcher
from deckwatch.core import units
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.routes import Route
    from deckwatch.core.yaml_file import Document

GROUP_NAME = "escalation-steps"  # with a line that no topic's name has
TEAM_LABEL = "escalation"
STEP_LABEL = "escalation_step"  # two steps may go to one team, and no two rules make the same series


@dataclass(frozen=True)
class EscalationRule:
    """One alert that is told to a team where nobody has acknowledged it for `hold` seconds."""

    alert: Alert
    number: int  # of the step in its route, from 1
    team: str
    hold: float
    expr: str

    def as_data(self, common: dict[str, Any]) -> dict[str, Any]:
        """Return what the Jsonnet library makes a rule of, from what it makes the alert's own rule of."""
        return {
            **common,
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
    """Yield the steps of all routes: of an alert only those of the first route that takes it, as Alertmanager does."""
    for i, route in enumerate(routes):
        for number, said in enumerate(route.steps, 1):
            for alert in alerts:
                before = [one.selection for one in routes[:i] if one.selection.matches_alert(alert)]
                if not route.selection.matches_alert(alert) or any(not one.labels for one in before):
                    continue
                expr = _firing_selector(alert, route.selection)
                expr += "".join(f" unless {_firing_selector(alert, one)}" for one in before)
                for team in said.to:
                    hold = units.parse_duration(said.after)
                    yield EscalationRule(alert, number, team, hold, f"max without (alertstate) ({expr}) == 1")


def split_groups(found: Sequence[EscalationRule]) -> Iterator[tuple[str, Sequence[EscalationRule]]]:
    """Yield the steps in groups that are not too long, each with its name."""
    for i in range(0, len(found), MAX_RULES):
        number = f"-{i // MAX_RULES + 1}" if i else ""
        yield f"{GROUP_NAME}{number}", found[i : i + MAX_RULES]


def find_problems(project: Document, routes: Sequence[Route], alerts: Sequence[Alert]) -> Iterator[Problem]:
    """Yield what is wrong with steps beyond their structure."""
    teams = (project.data or {}).get("teams", {})
    reached = {(step.alert.name, step.team) for step in build_rules(routes, alerts)}
    for route in routes:
        last = 0.0
        for j, said in enumerate(route.steps):
            path = (*route.selection.path, "then", j)
            for name in said.to:
                if name not in teams:
                    hint = did_you_mean(name, teams)
                    yield project.problem((*path, "to"), f"no team is called {name}", hint, check="route")
            if units.parse_duration(said.after) <= last:
                yield project.problem((*path, "after"), "it is not later than the step before it", check="route")
            last = units.parse_duration(said.after)
        if route.steps and not any((one.name, team) in reached for one in alerts for team in route.steps[0].to):
            message = "no alert comes to this step: others before it take them all"
            yield project.problem((*route.selection.path, "then"), message, check="route", key=True)


def _firing_selector(alert: Alert, selection: Selection) -> str:
    """Return the selector of an alert that fires, and is no step itself."""
    parts = [f'alertname="{alert.name}"', 'alertstate="firing"', f'{TEAM_LABEL}=""']
    parts += [format_matcher(label, values) for label, values in selection.labels.items()]
    return f"ALERTS{{{', '.join(parts)}}}"
