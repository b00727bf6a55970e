"""Who is told of an alert with given labels, and why: the tree of routes, walked as Alertmanager walks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.alerting import escalation, routes
from deckwatch.core.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.routes import Route, Selection
    from deckwatch.core.project import Project

_STATIC = ("severity", "owner", "topic")


@dataclass(frozen=True)
class Recipient:
    """One team that is told, and why. `place` is where that stands, `then` who comes after it, as (after, team)."""

    team: str
    why: str
    place: str
    hours: bool = False
    quiet: tuple[str, ...] = ()
    escalation: tuple[tuple[str, str], ...] = ()


def complete_labels(labels: Mapping[str, str], alerts: Sequence[Alert]) -> dict[str, str]:
    """Return labels with those that the named alert's rule adds; raises ValueError for a name that no alert has."""
    name = labels.get("alertname")
    if name is None:
        return dict(labels)
    alert = next((one for one in alerts if one.name == name), None)
    if alert is None:
        hint = did_you_mean(name, [one.name for one in alerts])
        raise ValueError(f"no alert is called {name}" + (f" ({hint})" if hint else ""))
    static = {key: str(getattr(alert, key)) for key in _STATIC}
    plain = {key: text for key, text in alert.labels.items() if "{{" not in text}
    return {**static, **plain, **labels}


def resolve_recipients(project: Project, labels: Mapping[str, str]) -> list[Recipient]:
    """Return the teams that are told, in their order; `nobody` where the route says so, or there is no team."""
    document = project.document
    teams = project.data.get("teams", {})
    if labels.get("alertname") == "NotificationTest" and labels.get("team") in teams:
        return [Recipient(labels["team"], "it is a test of this team's channels", "alerts notify-test")]
    found = routes.build_routes(document, routes.shipped_document())
    for route in found:
        for i, step in enumerate(route.steps):
            if labels.get(escalation.TEAM_LABEL) in step.to:
                place = str(route.selection.document.place((*route.selection.path, "then", i)))
                return [_build_recipient(labels[escalation.TEAM_LABEL], "it is a step of escalation", place, teams)]
    for route in found:
        if _matches_labels(route.selection, labels):
            why, place = _explain_route(route, project)
            return [_build_recipient(team, why, place, teams, route) for team in route.to]
    return [Recipient(routes.NOBODY, "the project has no teams", "deckwatch.yaml")]


def _build_recipient(
    team: str, why: str, place: str, teams: Mapping[str, Mapping[str, object]], route: Route | None = None
) -> Recipient:
    said = teams.get(team, {})
    quiet = (*(route.quiet if route else ()), *routes.as_tuple(said.get("quiet")))
    then = tuple((step.after, name) for step in route.steps for name in step.to) if route else ()
    return Recipient(team, why, place, "hours" in said, quiet, then)


def _matches_labels(selection: Selection, labels: Mapping[str, str]) -> bool:
    wanted = {
        "alertname": selection.alerts,
        "topic": selection.topics,
        "owner": selection.owners,
        "severity": selection.severities,
        **selection.labels,
    }
    return all(not values or labels.get(label, "") in values for label, values in wanted.items())


def _explain_route(route: Route, project: Project) -> tuple[str, str]:
    selection = route.selection
    place = str(selection.document.place(selection.path))
    said = ", ".join(
        one.replace("=~", " is one of ").replace("=", " is ").replace('"', "") for one in selection.to_matchers()
    )
    if selection.path[0] == "teams":
        why = "the team owns it" if selection.owners else "the first team gets what nothing else claims"
        return why, str(selection.document.place(selection.path, key=True))
    shipped = "" if selection.document is project.document else "shipped: "
    return f"{shipped}{said or 'the route takes everything'}", place
