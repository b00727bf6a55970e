"""`deckwatch alerts notify-test`: send a test message through every channel."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.provisioning.addresses import Addresses

_ALERT_DURATION = timedelta(minutes=1)
_POLL_SECONDS = 0.2


@click.command("notify-test")
@click.option(
    "--channel", metavar="NAME", help="Only this team, or only teams with this kind of channel, such as slack."
)
@_options.timeout_option(20.0, "How long to wait for Alertmanager to send everything.", least=1)
@_options.former_option("--wait", "--timeout")
@_shared.add_address_option
@click.pass_obj
def command(project: Path, /, *, channel: str | None, alertmanager: str, timeout: float) -> int:
    """Send a test message to the channels of the project's teams, through Alertmanager like a real alert.

    It is sent regardless of the teams' hours, and a resolved message follows within minutes. The result is what
    Alertmanager counts as accepted by the service; check the channel to see the message, and follow its links, which
    are printed as well. Exit code 1: a channel failed.
    """
    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.alerting.routes import NON_RECEIVER_KEYS
    from deckwatch.cli import _project
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.provisioning import addresses

    loaded = _project.load_project(project)
    configured = loaded.data.get("teams", {})
    teams = {name: sorted(set(team) - NON_RECEIVER_KEYS) for name, team in configured.items()}
    if not teams:
        raise DeckwatchError("the project has no teams, so no notifications are sent: see docs/guide/alerts.md")
    chosen = _select_teams(teams, channel)
    links = addresses.read_addresses(loaded)
    with Alertmanager(alertmanager) as manager:
        missing = sorted(set(chosen) - set(manager.list_receivers()))
        if missing:
            raise DeckwatchError(f"this Alertmanager has no receiver for team {missing[0]}: load the new bundle first")
        before = manager.count_notifications()
        for team in chosen:
            manager.send_alert(*_test_alert(team, links), _ALERT_DURATION)
        expected: dict[str, int] = {}
        for kinds in chosen.values():
            for kind in kinds:
                expected[kind] = expected.get(kind, 0) + 1
        failed = _wait_for_delivery(manager, before, expected, timeout)
    for team, kinds in chosen.items():
        for kind in kinds:
            click.echo(f"{team}: {kind} {failed.get(kind, 'sent')}")
    click.echo("links in the message:", err=True)
    for line in addresses.describe_links(links):
        click.echo(f"  {line}", err=True)
    return 1 if failed else 0


def _select_teams(teams: Mapping[str, list[str]], channel: str | None) -> dict[str, list[str]]:
    from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean

    if channel is None:
        return dict(teams)
    if channel in teams:
        return {channel: teams[channel]}
    matching = {team: kinds for team, kinds in teams.items() if channel in kinds}
    if not matching:
        known = sorted({*teams, *(kind for kinds in teams.values() for kind in kinds)})
        hint = did_you_mean(channel, known)
        raise DeckwatchError(add_hint(f"no team or channel is called {_shared.printable_text(channel)}", hint))
    return matching


def _test_alert(team: str, addresses: Addresses) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels and annotations of a test alert; a route of the generated configuration matches them.

    It links to Grafana's start page and the index of runbooks, as real alerts link to their pages.
    """
    links = addresses.links()
    labels = {"alertname": "NotificationTest", "team": team, "severity": "info", "trial": str(time.time_ns())}
    text = f"This is a test of {team}'s channels by deckwatch alerts notify-test. Nothing is wrong."
    annotations = {"summary": "This is a test.", "description": text, "dashboard_url": f"{links['grafana']}/"}
    return labels, annotations | ({"runbook_url": f"{links['runbooks']}/README.md"} if links["runbooks"] else {})


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
