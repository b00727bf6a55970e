"""Resolve the receivers of an alert with given labels, and why: walk the routing tree as Alertmanager does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.alerting import escalation, routes, watchdog
from deckwatch.core.problems import add_hint, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.project_data import Words
    from deckwatch.alerting.routes import Route, Selection
    from deckwatch.core.project import Project

_RULE_LABELS = ("severity", "owner", "topic")


@dataclass(frozen=True)
class Recipient:
    """A team that receives the alert. `place` locates the route, `escalation` lists later steps as (after, team)."""

    team: str
    why: str
    place: str
    hours: bool = False
    quiet: tuple[str, ...] = ()
    escalation: tuple[tuple[str, str], ...] = ()


def complete_labels(labels: Mapping[str, str], alerts: Sequence[Alert]) -> dict[str, str]:
    """Return labels with those that the named alert's rule adds; raises ValueError for an unknown alert."""
    name = labels.get("alertname")
    if name is None:
        return dict(labels)
    alert = next((alert for alert in alerts if alert.name == name), None)
    if alert is None:
        hint = did_you_mean(name, [alert.name for alert in alerts])
        raise ValueError(add_hint(f"no alert is called {name}", hint))
    static = {key: str(getattr(alert, key)) for key in _RULE_LABELS}
    plain = {key: text for key, text in alert.labels.items() if "{{" not in text}
    return {**static, **plain, **labels}


def resolve_recipients(project: Project, labels: Mapping[str, str]) -> list[Recipient]:
    """Return the receiving teams in order; `nobody` where a route says so or the project has no teams."""
    document = project.document
    teams: Mapping[str, Mapping[str, Words]] = project.data.get("teams", {})
    if labels.get("alertname") == "NotificationTest" and labels.get("team") in teams:
        return [Recipient(labels["team"], "it is a test of this team's channels", "alerts notify-test")]
    if labels.get("alertname") == watchdog.ALERT and watchdog.read_input(document) is not None:
        place = str(document.place((watchdog.KEY,), key=True))
        return [Recipient(watchdog.KEY, "it is the dead man's switch", place)]
    all_routes = routes.build_routes(document, routes.shipped_document())
    for route in all_routes:
        for i, step in enumerate(route.steps):
            if labels.get(escalation.TEAM_LABEL) in step.to:
                place = str(route.selection.document.place((*route.selection.path, "then", i)))
                return [_build_recipient(labels[escalation.TEAM_LABEL], "it is a step of escalation", place, teams)]
    for route in all_routes:
        if _matches_labels(route.selection, labels):
            why, place = _explain_route(route, project)
            return [_build_recipient(team, why, place, teams, route) for team in route.to]
    return [Recipient(routes.NOBODY, "the project has no teams", "deckwatch.yaml")]


def _build_recipient(
    team: str, why: str, place: str, teams: Mapping[str, Mapping[str, Words]], route: Route | None = None
) -> Recipient:
    options = teams.get(team, {})
    quiet = (*(route.quiet if route else ()), *routes.as_tuple(options.get("quiet")))
    later = tuple((step.after, name) for step in route.steps for name in step.to) if route else ()
    return Recipient(team, why, place, "hours" in options, quiet, later)


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
    """Return why a route matched, in words, and its place."""
    selection = route.selection
    if selection.path[0] == "teams":
        why = "the team owns it" if selection.owners else "no route matches: the first team is the default"
        return why, str(selection.document.place(selection.path, key=True))
    conditions = ", ".join(
        matcher.replace("=~", " is one of ").replace("=", " is ").replace('"', "")
        for matcher in selection.to_matchers()
    )
    shipped = "" if selection.document is project.document else "shipped: "
    place = str(selection.document.place(selection.path))
    return f"{shipped}{conditions or 'the route matches everything'}", place
