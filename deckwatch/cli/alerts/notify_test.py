"""`deckwatch alerts notify-test`: a message by every channel, to see that it arrives."""

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
    "--channel", metavar="NAME", help="Only one team, or only teams with this kind of channel, such as slack."
)
@click.option(
    "--wait",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until Alertmanager has sent everything.",
)
@_shared.add_alertmanager_options
@click.pass_obj
def command(project: Path, /, *, channel: str | None, wait: int, alertmanager: str, timeout: float) -> int:
    """Send a test message by the channels of the project's teams, through Alertmanager as a real one would go.

    It goes out whatever the hour is, and a message that it is over follows within minutes. Whether a service has taken
    it is what Alertmanager counts; whether anybody sees it, look at the channel. Exit code 1: one of them refused.
    """
    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.alerting.routes import NON_RECEIVER_KEYS
    from deckwatch.cli import _project
    from deckwatch.core.problems import DeckwatchError

    said = _project.load_project(project).data.get("teams", {})
    teams = {name: sorted(set(one) - NON_RECEIVER_KEYS) for name, one in said.items()}
    if not teams:
        raise DeckwatchError("the project has no teams, so nobody is told of anything: see docs/guide/alerts.md")
    chosen = _select_teams(teams, channel)
    with Alertmanager(alertmanager, seconds=timeout) as manager:
        missing = sorted(set(chosen) - set(manager.list_receivers()))
        if missing:
            raise DeckwatchError(f"this Alertmanager knows no team {missing[0]}: give it the new configuration first")
        before = manager.count_notifications()
        for team in chosen:
            manager.send_alert(*_test_alert(team), _ALERT_DURATION)
        wanted: dict[str, int] = {}
        for kinds in chosen.values():
            for kind in kinds:
                wanted[kind] = wanted.get(kind, 0) + 1
        failed = _wait_for_delivery(manager, before, wanted, wait)
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
    found = {team: kinds for team, kinds in teams.items() if channel in kinds}
    if not found:
        known = sorted({*teams, *(kind for kinds in teams.values() for kind in kinds)})
        raise DeckwatchError(
            f"no team and no channel is called {_shared.printable_text(channel)} ({did_you_mean(channel, known)})"
        )
    return found


def _test_alert(team: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels and texts; the tree of routes has an entry for them."""
    labels = {"alertname": "NotificationTest", "team": team, "severity": "info", "trial": str(time.time_ns())}
    text = f"This is a test of {team}'s channels by deckwatch alerts notify-test. Nothing is wrong."
    return labels, {"summary": "This is a test.", "description": text}


def _wait_for_delivery(
    manager: Alertmanager, before: Mapping[str, tuple[float, float]], wanted: Mapping[str, int], seconds: float
) -> dict[str, str]:
    """Return what is wrong, by kind: Alertmanager counts by kind and not by team."""
    end = time.monotonic() + seconds
    none = (0.0, 0.0)
    while True:
        now = manager.count_notifications()
        failed = {}
        for kind, count in wanted.items():
            names = _COUNTED_AS.get(kind, (kind,))
            tried, lost = (sum(now.get(n, none)[i] - before.get(n, none)[i] for n in names) for i in (0, 1))
            if tried - lost < count:
                failed[kind] = "failed: Alertmanager's log says why" if lost else f"not sent within {seconds:g} s"
        if not failed or time.monotonic() > end:
            return failed
        time.sleep(_POLL_SECONDS)


_COUNTED_AS = {"teams": ("msteamsv2", "msteams")}  # the other kinds are called as Alertmanager calls them
