"""`deckwatch alerts ack`: somebody has taken an alert on, so that nobody else is called."""

from __future__ import annotations

import click

from deckwatch.cli.alerts import _shared


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="ALERT [LABEL=VALUE]...")
@_shared.duration_option("4h")
@_shared.add_author_options
@_shared.add_alertmanager_options
def command(
    words: tuple[str, ...], *, lasts: str, author: str, comment: str, alertmanager: str, timeout: float
) -> None:
    """Take on alerts that fire: the steps of their escalation are not taken while you are at it.

    That is a silence of the steps, with your name and your comment, in Alertmanager. The alert itself stays: who was
    told that it began is reminded, and is told when it is over. `alerts silence` keeps it silent altogether.
    """
    from deckwatch.alerting.alertmanager import ACKNOWLEDGED_PREFIX, Alertmanager, acknowledgement_matchers

    chosen = _shared.parse_matchers(words)
    length = _shared.parse_duration(lasts)
    with Alertmanager(alertmanager, seconds=timeout) as manager:
        firing = manager.list_alerts()
        found = _shared.matching_alerts(chosen, firing)
        made = manager.create_silence(
            acknowledgement_matchers(chosen, firing), length, author, ACKNOWLEDGED_PREFIX + comment
        )
    for one in found:
        click.echo(_shared.printable_text(f"acknowledged for {lasts}: {one.name} {one.location}".rstrip()))
    click.echo(f"silence {made}")
