"""`deckwatch alerts silence`: nobody is told of something for a while."""

from __future__ import annotations

import click

from deckwatch.cli.alerts import _shared


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[ALERT] [LABEL=VALUE]...")
@_shared.duration_option("2h")
@_shared.add_author_options
@_shared.add_alertmanager_options
def command(
    words: tuple[str, ...], *, lasts: str, author: str, comment: str, alertmanager: str, timeout: float
) -> None:
    """Keep alerts silent for a while, those that fire and those that will: before maintenance, for instance.

    Nobody is told that they begin, that they are over, or that nobody has acknowledged them. Values may also be given
    as name=~pattern, name!=value and name!~pattern.
    """
    from deckwatch.alerting.alertmanager import Alertmanager

    chosen = _shared.parse_matchers(words)
    length = _shared.parse_duration(lasts)
    with Alertmanager(alertmanager, seconds=timeout) as manager:
        firing = manager.list_alerts()
        made = manager.create_silence(chosen, length, author, comment)
    count = len({one.identity for one in firing if all(matcher.matches_labels(one.labels) for matcher in chosen)})
    click.echo(_shared.printable_text(f"silent for {lasts}: {' '.join(map(str, chosen))}, of which {count} fire now"))
    click.echo(f"silence {made}")
