"""`deckwatch test`: the rules' own tests, by promtool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.pass_obj
def command(project: Path, /) -> int:
    """Run the proofs of all alerts: that each fires when it should, and not before.

    promtool, which comes with Prometheus, runs them; nothing is written but a temporary folder.
    """
    from rich import box
    from rich.table import Table

    from deckwatch.cli import _project, _show
    from provisioning import promtool, stack

    with _show.busy("generating"):
        plan = stack.build(_project.load(project)).plan
    topics = sum(file.path.startswith("prometheus/rules/tests/") for file in plan.files())
    with _show.progress("testing", topics) as advance:
        outcomes = promtool.run(plan, lambda _: advance())
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Topic")
    table.add_column("Tests", justify="right")
    table.add_column("Moments", justify="right")
    table.add_column("")
    for one in outcomes:
        result = "[green]passed[/]" if one.passed else "[red]failed[/]"
        table.add_row(one.topic, str(one.tests), str(one.moments), result)
    _show.console().print(table)
    failed = [one for one in outcomes if not one.passed]
    for one in failed:
        click.echo(f"{one.topic}:\n{one.said}\n", err=True)
    return 1 if failed else 0
