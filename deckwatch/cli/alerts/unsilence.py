"""`deckwatch alerts unsilence`: a silence or an acknowledgement ends before its time."""

from __future__ import annotations

import click

from deckwatch.cli.alerts import _shared


@click.command()
@click.argument("words", nargs=-1, metavar="[ID | ALERT | LABEL=VALUE]...")
@_shared.add_alertmanager_options
def command(words: tuple[str, ...], *, alertmanager: str, timeout: float) -> None:
    """End silences and acknowledgements: by their id, or all that say just this; without words list them."""
    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.alerting.escalation import STEP_LABEL, TEAM_LABEL
    from deckwatch.core.problems import DeckwatchError

    with Alertmanager(alertmanager, seconds=timeout) as manager:
        silences = manager.list_silences()
        if not words:
            for one in silences:
                said = " ".join(map(str, one.matchers))
                about = f"{one.id}  until {_shared.local_time(one.ends)}  {one.author}: {one.comment}  [{said}]"
                click.echo(_shared.printable_text(about))
            return
        found = [one for one in silences if one.id in words]
        if not found:
            wanted = {str(one) for one in _shared.parse_matchers(words)}
            # Those of an acknowledgement's steps go without saying.
            meant = {
                one.id: {str(m) for m in one.matchers if m.name not in (TEAM_LABEL, STEP_LABEL)} for one in silences
            }
            found = [one for one in silences if meant[one.id] == wanted]
        if not found:
            raise DeckwatchError(
                f"no silence is {_shared.printable_text(' '.join(words))}; `alerts unsilence` lists them"
            )
        for one in found:
            manager.expire_silence(one.id)
            click.echo(
                _shared.printable_text(f"ended: {' '.join(map(str, one.matchers))} ({one.author}: {one.comment})")
            )
