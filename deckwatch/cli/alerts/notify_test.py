"""`deckwatch alerts notify-test`: send a test message through every channel."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deckwatch.alerting.alertmanager import Alertmanager

_ALERT_DURATION = timedelta(minutes=1)
_POLL_SECONDS = 0.2


@click.command("notify-test")
@click.option(
    "--channel", metavar="NAME", help="Only this team, or only teams with this kind of channel, such as slack."
)
@click.option(
    "--wait",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for Alertmanager to send everything.",
)
@_shared.add_alertmanager_options
@click.pass_obj
def command(project: Path, /, *, channel: str | None, wait: int, alertmanager: str, timeout: float) -> int:
    """Send a test message to the channels of the project's teams, through Alertmanager like a real alert.

    It is sent regardless of the teams' hours, and a resolved message follows within minutes. The result is what
    Alertmanager counts as accepted by the service; check the channel to see the message. Exit code 1: a channel failed.
    """
    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.alerting.routes import NON_RECEIVER_KEYS
    from deckwatch.cli import _project
    from deckwatch.core.problems import DeckwatchError

    configured = _project.load_project(project).data.get("teams", {})
    teams = {name: sorted(set(team) - NON_RECEIVER_KEYS) for name, team in configured.items()}
    if not teams:
        raise DeckwatchError("the project has no teams, so no notifications are sent: see docs/guide/alerts.md")
    chosen = _select_teams(teams, channel)
    with Alertmanager(alertmanager, seconds=timeout) as manager:
        missing = sorted(set(chosen) - set(manager.list_receivers()))
        if missing:
            raise DeckwatchError(f"this Alertmanager has no receiver for team {missing[0]}: load the new bundle first")
        before = manager.count_notifications()
        for team in chosen:
            manager.send_alert(*_test_alert(team), _ALERT_DURATION)
        expected: dict[str, int] = {}
        for kinds in chosen.values():
            for kind in kinds:
                expected[kind] = expected.get(kind, 0) + 1
        failed = _wait_for_delivery(manager, before, expected, wait)
    for team, kinds in chosen.items():
        for kind in kinds:
            click.echo(f"{team}: {kind} {failed.get(kind, 'sent')}")
    return 1 if failed else 0


def _select_teams(teams: Mapping[str, list[str]], channel: str | None) -> dict[str, list[str]]:
    from deckwatch.core.problems import DeckwatchError, did_you_mean

    if channel is None:
        return dict(teams)
    if channel in teams:
        return {channel: teams[channel]}
    matching = {team: kinds for team, kinds in teams.items() if channel in kinds}
    if not matching:
        known = sorted({*teams, *(kind for kinds in teams.values() for kind in kinds)})
        raise DeckwatchError(
            f"no team or channel is called {_shared.printable_text(channel)} ({did_you_mean(channel, known)})"
        )
    return matching


def _test_alert(team: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels and annotations of a test alert; a route of the generated configuration matches them."""
    labels = {"alertname": "NotificationTest", "team": team, "severity": "info", "trial": str(time.time_ns())}
    text = f"This is a test of {team}'s channels by deckwatch alerts notify-test. Nothing is wrong."
    return labels, {"summary": "This is a test.", "description": text}


def _wait_for_delivery(
    manager: Alertmanager, before: Mapping[str, tuple[float, float]], expected: Mapping[str, int], seconds: float
) -> dict[str, str]:
    """Return failure messages by kind of channel: Alertmanager counts by kind, not by team."""
    end = time.monotonic() + seconds
    none = (0.0, 0.0)
    while True:
        now = manager.count_notifications()
        failed = {}
        for kind, count in expected.items():
            names = _COUNTED_AS.get(kind, (kind,))
            attempted, lost = (sum(now.get(n, none)[i] - before.get(n, none)[i] for n in names) for i in (0, 1))
            if attempted - lost < count:
                failed[kind] = "failed: see Alertmanager's log" if lost else f"not sent within {seconds:g} s"
        if not failed or time.monotonic() > end:
            return failed
        time.sleep(_POLL_SECONDS)


_COUNTED_AS = {"teams": ("msteamsv2", "msteams")}  # Alertmanager's names for the other kinds are the same
