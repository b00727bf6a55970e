"""`deckwatch alerts unsilence`: end a silence or an acknowledgement early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from deckwatch.alerting.alertmanager import Silence


@click.command()
@click.argument("words", nargs=-1, metavar="[ID | ALERT | LABEL=VALUE]...")
@_options.add_format_option
@_shared.add_alertmanager_options
def command(words: tuple[str, ...], *, alertmanager: str, timeout: float, output: str) -> None:
    """End silences and acknowledgements by id or by exactly these matchers; without arguments, list them."""
    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.core.own_command import format_command
    from deckwatch.core.problems import DeckwatchError

    with Alertmanager(alertmanager, seconds=timeout) as manager:
        silences = manager.list_silences()
        if output == "json" and not words:
            _options.print_json([_silence_fields(silence) for silence in silences])
            return
        if not words:
            for silence in silences:
                matchers = " ".join(map(str, silence.matchers))
                until = _shared.local_time(silence.ends)
                line = f"{silence.id}  until {until}  {silence.author}: {silence.comment}  [{matchers}]"
                click.echo(_shared.printable_text(line))
            return
        selected = [silence for silence in silences if silence.id in words]
        if not selected:
            wanted = {str(matcher) for matcher in _shared.parse_matchers(words)}
            selected = [silence for silence in silences if _own_matchers(silence) == wanted]
        if not selected:
            raise DeckwatchError(
                f"no silence matches {_shared.printable_text(' '.join(words))}; "
                f"`{format_command('alerts', 'unsilence')}` lists them"
            )
        for silence in selected:
            manager.expire_silence(silence.id)
            if output == "text":
                matchers = " ".join(map(str, silence.matchers))
                click.echo(_shared.printable_text(f"ended: {matchers} ({silence.author}: {silence.comment})"))
        if output == "json":
            _options.print_json([_silence_fields(silence) for silence in selected])


def _silence_fields(silence: Silence) -> dict[str, str | list[str]]:
    return {
        "id": silence.id,
        "matchers": list(map(str, silence.matchers)),
        "ends": silence.ends.isoformat(),
        "author": silence.author,
        "comment": silence.comment,
    }


def _own_matchers(silence: Silence) -> set[str]:
    """Return the matchers of a silence without those that restrict an acknowledgement to escalation steps."""
    from deckwatch.alerting.escalation import STEP_LABEL, TEAM_LABEL

    return {str(matcher) for matcher in silence.matchers if matcher.name not in (TEAM_LABEL, STEP_LABEL)}
