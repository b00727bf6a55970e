"""Steps of escalation: `then: [{after: 15m, to: management}]` of a route, as rules on what fires.

Alertmanager has no steps. So a rule of the same name looks at ALERTS, fires with all labels of the alert and
`escalation`, the team that is told, after the time that was said. A silence of the alert holds for the step too, for
it has the same labels: silencing is acknowledging, whether by `deckwatch alerts ack` or in Alertmanager's own page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.alerting import formatting
from deckwatch.alerting.model import MOST_RULES
from deckwatch.alerting.routes import Selection, matcher
from deckwatch.core import units
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.routes import Route
    from deckwatch.core.yaml_file import Document

TOPIC = "escalation-steps"  # with a line that no topic's name has
LABEL = "escalation"
NUMBER = "escalation_step"  # two steps may go to one team, and no two rules make the same series


@dataclass(frozen=True)
class Step:
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
            "hold": formatting.duration(self.hold),
            "keep": "",
            "labels": {LABEL: self.team, NUMBER: str(self.number)},
            "summary": f"Nobody has acknowledged for {formatting.duration(self.hold)}: {self.alert.summary}",
            "threshold": "",
            "metric": "ALERTS",
            "humanize": None,
        }


def steps(routes: Sequence[Route], alerts: Sequence[Alert]) -> Iterator[Step]:
    """Yield the steps of all routes: of an alert only those of the first route that takes it, as Alertmanager does."""
    for i, route in enumerate(routes):
        for number, said in enumerate(route.then, 1):
            for alert in alerts:
                before = [one.selection for one in routes[:i] if one.selection.takes(alert)]
                if not route.selection.takes(alert) or any(not one.labels for one in before):
                    continue
                expr = _firing(alert, route.selection)
                expr += "".join(f" unless {_firing(alert, one)}" for one in before)
                for team in said.to:
                    hold = units.parse_duration(said.after)
                    yield Step(alert, number, team, hold, f"max without (alertstate) ({expr}) == 1")


def groups(found: Sequence[Step]) -> Iterator[tuple[str, Sequence[Step]]]:
    """Yield the steps in groups that are not too long, each with its name."""
    for i in range(0, len(found), MOST_RULES):
        number = f"-{i // MOST_RULES + 1}" if i else ""
        yield f"{TOPIC}{number}", found[i : i + MOST_RULES]


def problems(project: Document, routes: Sequence[Route], alerts: Sequence[Alert]) -> Iterator[Problem]:
    """Yield what is wrong with steps beyond their structure."""
    teams = (project.data or {}).get("teams", {})
    reached = {(step.alert.name, step.team) for step in steps(routes, alerts)}
    for route in routes:
        last = 0.0
        for j, said in enumerate(route.then):
            path = (*route.selection.path, "then", j)
            for name in said.to:
                if name not in teams:
                    hint = did_you_mean(name, teams)
                    yield project.problem((*path, "to"), f"no team is called {name}", hint, check="route")
            if units.parse_duration(said.after) <= last:
                yield project.problem((*path, "after"), "it is not later than the step before it", check="route")
            last = units.parse_duration(said.after)
        if route.then and not any((one.name, team) in reached for one in alerts for team in route.then[0].to):
            message = "no alert comes to this step: others before it take them all"
            yield project.problem((*route.selection.path, "then"), message, check="route", key=True)


def _firing(alert: Alert, selection: Selection) -> str:
    """Return the selector of an alert that fires, and is no step itself."""
    parts = [f'alertname="{alert.name}"', 'alertstate="firing"', f'{LABEL}=""']
    parts += [matcher(label, values) for label, values in selection.labels.items()]
    return f"ALERTS{{{', '.join(parts)}}}"
