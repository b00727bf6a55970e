"""`deckwatch alerts route`: who is told of an alert, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[ALERT] LABEL=VALUE...")
@click.pass_obj
def command(project: Path, /, words: tuple[str, ...]) -> None:
    """Tell who gets an alert with these labels, and which line says so.

    Of an alert that is named, its own severity, owner and topic are taken where none are given: `alerts route
    HostCpuHigh instance=web-1`, `alerts route severity=critical topic=host`. Nothing is asked but the project's files.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from deckwatch.alerting import resolve_route
    from deckwatch.cli import _project, _show
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.provisioning import stack

    matchers = _shared.parse_matchers(words)
    if vague := next((one for one in matchers if one.regex or not one.equal), None):
        raise DeckwatchError(f"{_shared.printable_text(str(vague))}: an alert has one value of a label, {vague.name}=…")
    with _show.show_spinner("generating"):
        found = _project.load_project(project, keep_invalid=True)
        built = stack.build(found)
    alerts = [alert for topic in built.topics for alert in topic.alerts]
    try:
        labels = resolve_route.complete_labels({one.name: one.value for one in matchers}, alerts)
    except ValueError as error:
        raise DeckwatchError(_shared.printable_text(str(error))) from None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for title in ("Told", "When", "Because", "Where that stands"):
        table.add_column(title, overflow="fold")
    rows = resolve_route.resolve_recipients(found, labels)
    for one in rows:
        when = ["in the team's hours"] if one.hours else ["at once"]
        when += [f"not in {name}" for name in one.quiet]
        table.add_row(*(Text(_shared.printable_text(cell)) for cell in (one.team, ", ".join(when), one.why, one.place)))
    for after, team in rows[0].escalation:
        table.add_row(Text(team), Text(f"after {after}"), Text("nobody has acknowledged"), Text(rows[0].place))
    _show.create_console().print(table)
