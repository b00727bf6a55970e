"""`deckwatch collect coverage`: metrics of how much of the code tests execute."""

from __future__ import annotations

from pathlib import Path

import click

from deckwatch.cli import _textfile
from deckwatch.cli.collect import _shared


@click.command(cls=_shared.CollectCommand)
@click.argument("words", metavar="FILE|DIR|PATTERN...", nargs=-1, required=True)
@click.option("--component", default="", help="The component whose code was measured.")
@_textfile.add_textfile_option
def command(words: tuple[str, ...], *, component: str, textfile: Path | None) -> None:
    """Write the coverage of a component from reports of Cobertura, LCOV or JaCoCo.

    The format is recognized. Several reports count each source once: a line that one of them covers is covered.
    """
    from deckwatch.provisioning.kpi_format import format_part
    from deckwatch.textfile.coverage import read_reports, write_coverage

    coverage = read_reports(_shared.find_files(words, (".xml", ".info", ".lcov")))
    path = write_coverage(textfile or Path(_textfile.FOLDER), component, coverage)
    covered, lines = coverage.count_lines()
    click.echo(f"{component or 'code'}: {covered} of {lines} lines covered, {format_part(covered / lines, 1)}")
    _shared.report_file(path)
