"""`deckwatch check`: check the YAML without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.pass_obj
def command(project: Path, /) -> None:
    """Check the project, its dashboards and its alerts. Write nothing.

    Checks structure, PromQL, metrics, labels, units, addresses and receivers, and reports all problems of all files
    at once, each with its line.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import stack

    with _show.show_spinner("checking"):
        loaded = _project.load_project(project, keep_invalid=True)
        built = stack.build(loaded)
    if built.warnings:
        _show.print_problems(built.warnings)
    dashboards = len({query.uid for query in built.dashboards})
    alerts = len({query.name for query in built.rules if query.kind == "alert"})
    queries = len(built.dashboards) + len(built.rules)
    count = f"{dashboards} dashboards and {alerts} alerts with {queries} queries"
    click.echo(f"no errors in {count}{_project.shipped_set_note(loaded)}", err=True)
