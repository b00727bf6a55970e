"""`deckwatch stats dashboard`: the key figures as one HTML file."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from deckwatch.cli.stats import _shared


@click.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="stats.html",
    show_default=True,
    metavar="FILE",
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Replace a file that another program wrote.")
@_shared.add_query_options
@click.pass_obj
def command(project: Path, /, *, out: Path, force: bool, prometheus: str, span: str) -> None:
    """Write the key figures of all dashboards as one HTML file without scripts, for a browser or as an attachment."""
    import time

    from deckwatch.provisioning import kpi_page

    kpi_page.check_replaceable(out, force=force)
    with contextlib.closing(_shared.Figures(project, prometheus, span)) as figures:
        systems = figures.read_systems()
    kpi_page.write_page(out, kpi_page.render_page(systems, span, time.time()))
    count = sum(len(system.readings) for system in systems)
    click.echo(f"{out}: {count} values of {sum(bool(system.readings) for system in systems)} dashboards")
