"""Teams and routes, the project's and the shipped ones, in the form of Alertmanager's routing tree."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from deckwatch.alerting import time_intervals
from deckwatch.core import yaml_file
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.project_data import SelectionData
    from deckwatch.core.yaml_file import Document, Path

SHIPPED_FILE = FilePath(__file__).with_name("routes.yaml")
NOBODY = "nobody"
NON_RECEIVER_KEYS = frozenset(("hours", "quiet"))  # keys of a team that are no kind of receiver


@dataclass(frozen=True)
class Selection:
    """A set of alerts: those that match every field; an empty field matches all."""

    document: Document
    path: Path
    alerts: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def matches_alert(self, alert: Alert) -> bool:
        """Return whether an alert is selected, without regard to labels of its series."""
        wanted = (
            (self.alerts, alert.name),
            (self.topics, alert.topic),
            (self.owners, alert.owner),
            (self.severities, alert.severity),
        )
        return all(not values or value in values for values, value in wanted)

    def to_matchers(self) -> list[str]:
        """Return the selection as Alertmanager's matchers."""
        static = {"alertname": self.alerts, "topic": self.topics, "owner": self.owners, "severity": self.severities}
        return [format_matcher(label, values) for label, values in {**static, **self.labels}.items() if values]

    def find_problems(self, alerts: Sequence[Alert], teams: Collection[str] = ()) -> Iterator[Problem]:
        """Yield names that no alert has; any team may be an owner."""
        for key, words, known in (
            ("alert", self.alerts, {alert.name for alert in alerts}),
            ("topic", self.topics, {alert.topic for alert in alerts}),
            ("owner", self.owners, {alert.owner for alert in alerts if alert.owner} | set(teams)),
        ):
            for word in words:
                if word not in known:
                    hint = did_you_mean(word, sorted(known))
                    yield Problem(self.document.place((*self.path, key)), f"no {key} is called {word}", hint, "route")


@dataclass(frozen=True)
class EscalationStep:
    """The teams to notify when nobody has acknowledged an alert for a duration such as 15m."""

    after: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """Alerts and the teams that receive them; `group` overrides the labels by which alerts form one message."""

    selection: Selection
    to: tuple[str, ...]
    quiet: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    steps: tuple[EscalationStep, ...] = ()

    def as_data(self) -> dict[str, object]:
        """Return the Jsonnet library's input for the route."""
        quiet = [time_intervals.quiet_name(name) for name in self.quiet]
        return {
            "matchers": self.selection.to_matchers(),
            "to": list(self.to),
            "quiet": quiet,
            "group": list(self.group),
        }


def shipped_document() -> Document:
    """Return the routes that come with the program."""
    return yaml_file.read_yaml(SHIPPED_FILE, "alerting/routes.yaml")


def parse_selection(document: Document, path: Path, data: SelectionData) -> Selection:
    """Return the selection that a mapping describes."""
    return Selection(
        document,
        path,
        as_tuple(data.get("alert")),
        as_tuple(data.get("topic")),
        as_tuple(data.get("owner")),
        as_tuple(data.get("severity")),
        {label: as_tuple(value) for label, value in data.get("labels", {}).items()},
    )


def build_routes(project: Document, defaults: Document) -> list[Route]:
    """Return all routes in order: the project's, the shipped ones, one by owner for each team, then the default."""
    routes = [
        Route(
            parse_selection(document, ("routes", i), data),
            as_tuple(data["to"]),
            as_tuple(data.get("quiet")),
            as_tuple(data.get("group")),
            tuple(EscalationStep(step["after"], as_tuple(step["to"])) for step in data.get("then", ())),
        )
        for document in (project, defaults)
        for i, data in enumerate((document.data or {}).get("routes", ()))
    ]
    teams = list((project.data or {}).get("teams", {}))
    routes += [Route(Selection(project, ("teams", team), owners=(team,)), (team,)) for team in teams]
    if teams:
        routes.append(Route(Selection(project, ("teams", teams[0])), (teams[0],)))
    return routes


def known_owners(project: Document) -> set[str]:
    """Return the owners whose alerts a project routes by name: its teams, and the owners its routes select.

    Empty without teams: then no alert is sent, whoever owns it.
    """
    data = project.data or {}
    teams = data.get("teams", {})
    if not teams:
        return set()
    return {*teams, *(name for route in data.get("routes", ()) for name in as_tuple(route.get("owner")))}


def find_problems(project: Document, routes: Sequence[Route], alerts: Sequence[Alert]) -> Iterator[Problem]:
    """Yield problems of the project's routes and hours that the schema cannot see."""
    teams = (project.data or {}).get("teams", {})
    for route in routes:
        if route.selection.document is not project or route.selection.path[0] != "routes":
            continue
        yield from route.selection.find_problems(alerts, teams)
        for name in route.to:
            if name not in teams and name != NOBODY:
                hint = did_you_mean(name, [*teams, NOBODY])
                yield project.problem((*route.selection.path, "to"), f"no team is called {name}", hint, check="route")
    if NOBODY in teams:
        message = f"{NOBODY} is reserved for alerts that are not sent"
        yield project.problem(("teams", NOBODY), message, "choose another name", key=True)
    yield from time_intervals.find_problems(project)


def team_input(options: Mapping[str, object]) -> dict[str, object]:
    """Return the Jsonnet library's input for a team: its receivers, whether it has hours, its quiet times."""
    quiet = options.get("quiet")
    return {
        "kinds": {kind: value for kind, value in options.items() if kind not in NON_RECEIVER_KEYS},
        "hours": "hours" in options,
        "quiet": [
            time_intervals.quiet_name(name)
            for name in ([quiet] if isinstance(quiet, str) else quiet if isinstance(quiet, list) else [])
        ],
    }


def format_matcher(label: str, values: Collection[str]) -> str:
    """Return one of Alertmanager's matchers: `=` for one value, `=~` for several."""
    values = list(values)
    if len(values) == 1:
        return f"{label}={json.dumps(values[0], ensure_ascii=False)}"
    escaped = (re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", value) for value in values)
    return f"{label}=~{json.dumps('|'.join(escaped), ensure_ascii=False)}"


def as_tuple(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return one word or a list of words as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
