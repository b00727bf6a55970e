"""Who is told: teams and routes, of the project and those that are shipped, as Alertmanager's tree wants them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from deckwatch.alerting import time_intervals
from deckwatch.alerting.receivers import NON_RECEIVER_KEYS
from deckwatch.core import yaml_file
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deckwatch.alerting.model import Alert
    from deckwatch.core.yaml_file import Document, Path

SHIPPED_FILE = FilePath(__file__).with_name("routes.yaml")
NOBODY = "nobody"


@dataclass(frozen=True)
class Selection:
    """Alerts, by everything that is said at once; what is not said is empty and selects all."""

    document: Document
    path: Path
    alerts: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def matches_alert(self, alert: Alert) -> bool:
        """Return whether an alert is selected, its labels of series left aside."""
        wanted = (
            (self.alerts, alert.name),
            (self.topics, alert.topic),
            (self.owners, alert.owner),
            (self.severities, alert.severity),
        )
        return all(not words or word in words for words, word in wanted)

    def to_matchers(self) -> list[str]:
        """Return the selection as Alertmanager's matchers."""
        words = {"alertname": self.alerts, "topic": self.topics, "owner": self.owners, "severity": self.severities}
        return [format_matcher(label, values) for label, values in {**words, **self.labels}.items() if values]

    def find_problems(self, alerts: Sequence[Alert], teams: Collection[str] = ()) -> Iterator[Problem]:
        """Yield names that no alert has; a team may own what is not there yet."""
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
    """A step of escalation: after a duration such as 15m, teams are told of what nobody has acknowledged."""

    after: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """Alerts, and the teams that are told of them. `group` are the labels of one message, empty for the usual ones."""

    selection: Selection
    to: tuple[str, ...]
    quiet: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    steps: tuple[EscalationStep, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return what the Jsonnet library makes a route of."""
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


def parse_selection(document: Document, path: Path, data: Mapping[str, Any]) -> Selection:
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
    """Return all routes in their order: the project's, those shipped, each team's own alerts, the rest."""
    result = [
        Route(
            parse_selection(document, ("routes", i), one),
            as_tuple(one["to"]),
            as_tuple(one.get("quiet")),
            as_tuple(one.get("group")),
            tuple(EscalationStep(step["after"], as_tuple(step["to"])) for step in one.get("then", ())),
        )
        for document in (project, defaults)
        for i, one in enumerate((document.data or {}).get("routes", ()))
    ]
    teams = list((project.data or {}).get("teams", {}))
    result += [Route(Selection(project, ("teams", team), owners=(team,)), (team,)) for team in teams]
    if teams:
        result.append(Route(Selection(project, ("teams", teams[0])), (teams[0],)))
    return result


def known_owners(project: Document) -> set[str]:
    """Return whose alerts a project sends to somebody by name: its teams, and who its routes select.

    Empty without teams: then nobody is told of anything, whoever owns it.
    """
    data = project.data or {}
    teams = data.get("teams", {})
    return (
        {*teams, *(name for one in data.get("routes", ()) for name in as_tuple(one.get("owner")))} if teams else set()
    )


def find_problems(project: Document, found: Sequence[Route], alerts: Sequence[Alert]) -> Iterator[Problem]:
    """Yield what is wrong with the project's routes and hours beyond their structure."""
    teams = (project.data or {}).get("teams", {})
    for route in found:
        if route.selection.document is not project or route.selection.path[0] != "routes":
            continue
        yield from route.selection.find_problems(alerts, teams)
        for name in route.to:
            if name not in teams and name != NOBODY:
                hint = did_you_mean(name, [*teams, NOBODY])
                yield project.problem((*route.selection.path, "to"), f"no team is called {name}", hint, check="route")
    if NOBODY in teams:
        yield project.problem(("teams", NOBODY), "nobody is who is told of nothing", "another name", key=True)
    yield from time_intervals.find_problems(project)


def team_input(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a team as the Jsonnet library has it: its kinds of receivers, whether it has hours, its quiet times."""
    return {
        "kinds": {kind: options for kind, options in data.items() if kind not in NON_RECEIVER_KEYS},
        "hours": "hours" in data,
        "quiet": [time_intervals.quiet_name(name) for name in as_tuple(data.get("quiet"))],
    }


def format_matcher(label: str, values: Collection[str]) -> str:
    """Return one of Alertmanager's matchers: `=` for a value, `=~` for several."""
    values = list(values)
    if len(values) == 1:
        return f"{label}={json.dumps(values[0], ensure_ascii=False)}"
    plain = (re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", value) for value in values)
    return f"{label}=~{json.dumps('|'.join(plain), ensure_ascii=False)}"


def as_tuple(value: Any) -> tuple[str, ...]:
    """Return one word or a list of them as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
