"""`deckwatch alerts silence`: silence alerts for a while."""

from __future__ import annotations

import click

from deckwatch.cli.alerts import _shared


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[ALERT] [LABEL=VALUE]...")
@_shared.duration_option("2h")
@click.option("--yes", is_flag=True, help="Do not ask before silencing almost all alerts.")
@_shared.add_author_options
@_shared.add_alertmanager_options
def command(
    words: tuple[str, ...], *, lasts: str, author: str, comment: str, alertmanager: str, timeout: float, yes: bool
) -> None:
    """Silence current and future alerts for a while, for example during maintenance.

    No notifications are sent when they fire, resolve or escalate. Labels can also be matched with name=~pattern,
    name!=value and name!~pattern.
    """
    from deckwatch.alerting.alertmanager import Alertmanager

    chosen = _shared.parse_matchers(words)
    length = _shared.parse_duration(lasts)
    with Alertmanager(alertmanager, seconds=timeout) as manager:
        firing = manager.list_alerts()
        if not yes and not any(matcher.is_selective for matcher in chosen):
            count = sum(all(matcher.matches_labels(alert.labels) for matcher in chosen) for alert in firing)
            click.echo(f"this silences almost all alerts: {count} of {len(firing)} that fire now", err=True)
            click.confirm("Silence them?", abort=True, err=True)
        silence_id = manager.create_silence(chosen, length, author, comment)
    count = len({alert.identity for alert in firing if all(matcher.matches_labels(alert.labels) for matcher in chosen)})
    click.echo(_shared.printable_text(f"silent for {lasts}: {' '.join(map(str, chosen))}, {count} firing now"))
    click.echo(f"silence {silence_id}")
