"""`deckwatch scrape`: print one scrape."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _exporter, _options

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("deckwatch.scrape")


@click.command()
@click.option(
    "--collect", multiple=True, metavar="WORD", help="Run only these collectors, by name or prefix (host_cpu, host)."
)
@click.option("--exclude", multiple=True, metavar="WORD", help="Skip these collectors.")
@click.option("--server", multiple=True, metavar="NAME", help="Query only this database server.")
@click.option("--probe", multiple=True, metavar="NAME", help="Run only this probe: its service, or SERVICE/NAME.")
@_options.timeout_option(9.5, "How long to wait for collectors; late ones are omitted.", least=0.01)
@_exporter.add_source_options
@_exporter.log_option("warning")
@click.pass_obj
def command(
    project: Path,
    /,
    *,
    collect: tuple[str, ...],
    exclude: tuple[str, ...],
    server: tuple[str, ...],
    probe: tuple[str, ...],
    timeout: float,
    log_level: str,
    **sources: Any,
) -> None:
    """Print one page of metrics as `deckwatch serve` would.

    Takes as long as the slowest collector, database connection, or the engine's first list of containers.
    """
    _exporter.log_to_stderr(log_level)
    app = _exporter.create_app(project, **sources)
    try:
        choice = app.select_collectors(collect, exclude, {"server": server, "probe": probe})
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        click.echo(b"".join(app.scrape_page(choice, timeout)), nl=False)
        for line in _exporter.absence_messages(app):
            log.log(logging.WARNING if collect else logging.INFO, "%s", line)
    finally:
        _exporter.close_app(app)
