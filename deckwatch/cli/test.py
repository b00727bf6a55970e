"""`deckwatch test`: test the alerts with promtool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.pass_obj
def command(project: Path, /) -> int:
    """Run the proofs of all alerts: each must fire when it should, and not before.

    Uses promtool, which comes with Prometheus, in a temporary folder. A failed proof is reported at its position in
    the YAML.
    """
    from rich import box
    from rich.table import Table

    from deckwatch.alerting import promtool
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import stack

    with _show.show_spinner("generating"):
        built = stack.build(_project.load_project(project, keep_invalid=True))
    with _show.show_progress("testing", sum(bool(topic.alerts) for topic in built.topics)) as advance:
        outcomes = promtool.run(built.topics, built.plan.list_files(), lambda _: advance())
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Topic")
    table.add_column("Tests", justify="right")
    table.add_column("Moments", justify="right")
    table.add_column("")
    for outcome in outcomes:
        result = "[red]failed[/]" if outcome.problems else "[green]passed[/]"
        table.add_row(outcome.topic, str(outcome.tests), str(outcome.moments), result)
    _show.create_console().print(table)
    if failed := [problem for outcome in outcomes for problem in outcome.problems]:
        _show.print_problems(failed, project)
        return 1
    return 0
