"""Send a message to a team by all of its channels that can carry a report."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins
from deckwatch.core.problems import DeckwatchError, InvalidInput, add_hint, did_you_mean
from deckwatch.reports.delivery import channels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.reports.delivery.message import Message


def read_channels(project: Project, team: str) -> dict[str, Mapping[str, Any]]:
    """Return the channels of a team that can carry a report, with their options.

    Raises InvalidInput for mistakes in them, and DeckwatchError if there is no such team or channel.
    """
    chosen = choose_channels(project.data.get("teams") or {}, team)
    paths = {("teams", team, kind) for kind in chosen}
    document = project.document
    places = {place for path, place in [*document.keys.items(), *document.values.items()] if path[:3] in paths}
    if problems := [problem for problem in _find_problems(project) if problem.place in places]:
        raise InvalidInput(problems)
    return chosen


def _find_problems(project: Project) -> list[Any]:
    """Return the problems of all receivers, as `deckwatch check` finds them."""
    from deckwatch.alerting.receivers import ReceiverKinds  # noqa: PLC0415 - these read Jsonnet, only for sending
    from deckwatch.provisioning.build_settings import Options, read_settings  # noqa: PLC0415
    from deckwatch.provisioning.examination import start_renderer  # noqa: PLC0415

    settings = read_settings(project, Options())
    with start_renderer(settings) as renderer:
        return [
            problem
            for problem in ReceiverKinds(renderer).find_problems(project.document, settings.targets)
            if problem.severity == "error"
        ]


def choose_channels(teams: Mapping[str, Mapping[str, Any]], team: str) -> dict[str, Mapping[str, Any]]:
    """Return the channels of a team that can carry a report, with their options; raises DeckwatchError for none."""
    known = plugins.module_names(channels)
    if team not in teams:
        if not teams:
            raise DeckwatchError("the project has no teams: see docs/guide/alerts.md")
        raise DeckwatchError(add_hint(f"no team is called {team}", did_you_mean(team, teams)))
    found = {kind: options for kind, options in teams[team].items() if kind in known}
    if not found:
        raise DeckwatchError(f"team {team} has no channel that can carry a report: expected {' or '.join(known)}")
    return found


def send_message(chosen: Mapping[str, Mapping[str, Any]], message: Message, folder: Path) -> None:
    """Send a message by each of these channels, whether or not others fail; raises DeckwatchError with all failures.

    Files with secrets are relative to `folder`.
    """
    failures = []
    for kind, options in chosen.items():
        module = importlib.import_module(f"{channels.__name__}.{kind}")
        try:
            module.send(options, message, folder)
        except DeckwatchError as error:
            failures.append(f"{kind}: not sent: {error}")
    if failures:
        raise DeckwatchError("\n".join(failures))
