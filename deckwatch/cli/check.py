"""`deckwatch check`: check the YAML without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@_options.add_format_option
@click.pass_obj
def command(project: Path, /, *, output: str) -> int:
    """Check the project, its dashboards and its alerts. Write nothing.

    Checks structure, PromQL, metrics, labels, units, addresses and receivers, and reports all problems of all files
    at once, each with its line.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.core.problems import InvalidInput
    from deckwatch.provisioning.check_project import check_project

    try:
        with _show.show_spinner("checking"):
            loaded = _project.load_project(project, keep_invalid=True)
            built = check_project(loaded)
    except InvalidInput as error:
        if output == "text":
            raise
        _options.print_json([_show.problem_fields(problem) for problem in error.problems])
        return 1
    if output == "json":
        _options.print_json([_show.problem_fields(problem) for problem in built.warnings])
        return 0
    if built.warnings:
        _show.print_problems(built.warnings)
    dashboards = len({query.uid for query in built.dashboards})
    alerts = len({query.name for query in built.rules if query.kind == "alert"})
    queries = len(built.dashboards) + len(built.rules)
    count = f"{dashboards} dashboards and {alerts} alerts with {queries} queries"
    click.echo(f"no errors in {count}{_project.shipped_set_note(loaded)}", err=True)
    return 0
