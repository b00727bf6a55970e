"""`deckwatch explain`: print an entry of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from deckwatch.provisioning.explain import Entry


def _complete_name(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names that begin with what was typed: those of the shipped set, since a project may be invalid."""
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from deckwatch.core.project import Project
    from deckwatch.provisioning.explain import list_names

    names = list_names(Project(Path("/nonexistent")))
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command()
@click.argument("name", metavar="KEY|ALERT|METRIC", shell_complete=_complete_name)
@_options.add_format_option
@click.pass_obj
def command(project: Path, /, *, name: str, output: str) -> None:
    """Print the reference entry of a key, an alert, an insight, a metric, a collector or a check.

    A key may be given with those around it: `explain high`, `explain build.scrape_interval`, `explain hosts.name`.
    An alert is shown with the project's threshold.
    """
    import dataclasses

    from deckwatch.cli import _project
    from deckwatch.provisioning import explain

    entries = explain.find_entries(_project.load_project(project, keep_invalid=True), name)
    if output == "json":
        _options.print_json([{**dataclasses.asdict(entry), "facts": dict(entry.facts)} for entry in entries])
        return
    for number, entry in enumerate(entries):
        _print_entry(entry, first=number == 0)


def _print_entry(entry: Entry, *, first: bool) -> None:
    if not first:
        click.echo()
    click.echo(f"{click.style(entry.name, bold=True)} ({entry.kind})")
    click.echo(entry.meaning)
    width = max((len(title) for title, _ in entry.facts), default=0)
    for title, text in entry.facts:
        click.echo(f"  {click.style(title.ljust(width), dim=True)}  {text}")
