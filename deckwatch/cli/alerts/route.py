"""`deckwatch alerts route`: show the receivers of an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[ALERT] LABEL=VALUE...")
@_options.add_format_option
@click.pass_obj
def command(project: Path, /, words: tuple[str, ...], *, output: str) -> None:
    """Show the teams that receive an alert with these labels, and the lines that route it.

    Severity, owner and topic default to those of the named alert: `alerts route HostCpuHigh instance=web-1`, `alerts
    route severity=critical topic=host`. Reads only the project's files.
    """
    import dataclasses

    from rich import box
    from rich.table import Table
    from rich.text import Text

    from deckwatch.alerting import resolve_route
    from deckwatch.cli import _project, _show
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.provisioning import stack

    matchers = _shared.parse_matchers(words)
    if inexact := next((matcher for matcher in matchers if matcher.regex or not matcher.equal), None):
        raise DeckwatchError(f"{_shared.printable_text(str(inexact))}: give one exact value, {inexact.name}=…")
    with _show.show_spinner("generating"):
        loaded = _project.load_project(project, keep_invalid=True)
        built = stack.build(loaded)
    alerts = [alert for topic in built.topics for alert in topic.alerts]
    try:
        labels = resolve_route.complete_labels({matcher.name: matcher.value for matcher in matchers}, alerts)
    except ValueError as error:
        raise DeckwatchError(_shared.printable_text(str(error))) from None
    rows = resolve_route.resolve_recipients(loaded, labels)
    if output == "json":
        _options.print_json([dataclasses.asdict(row) for row in rows])
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for title in ("Team", "When", "Reason", "Defined in"):
        table.add_column(title, overflow="fold")
    for row in rows:
        when = ["in the team's hours"] if row.hours else ["immediately"]
        when += [f"not in {name}" for name in row.quiet]
        table.add_row(*(Text(_shared.printable_text(cell)) for cell in (row.team, ", ".join(when), row.why, row.place)))
    for after, team in rows[0].escalation:
        table.add_row(Text(team), Text(f"after {after}"), Text("not acknowledged"), Text(rows[0].place))
    _show.create_console().print(table)
