"""`deckwatch collect junit`: metrics of a test run."""

from __future__ import annotations

from pathlib import Path

import click

from deckwatch.cli import _textfile
from deckwatch.cli.collect import _shared


@click.command(cls=_shared.CollectCommand)
@click.argument("words", metavar="FILE|DIR|PATTERN...", nargs=-1, required=True)
@click.option("--suite", default="tests", show_default=True, help="Name of the suite, such as unit or integration.")
@click.option("--component", default="", help="The component that the suite tests.")
@click.option("--phase", default="", help="The phase of the plan that the suite belongs to.")
@_textfile.add_textfile_option
def command(words: tuple[str, ...], *, suite: str, component: str, phase: str, textfile: Path | None) -> None:
    """Write the results of a test run from JUnit XML.

    Understands the reports of pytest, Maven Surefire, Gradle, go-junit-report, jest-junit, GoogleTest and of TAP
    converters. All files are one run of one suite. Which test fails since when, and in how many runs, continues from
    the file of the run before; the first hundred failing tests are listed by name.
    """
    from deckwatch.textfile import junit, suite_record

    run = junit.read_reports(_shared.find_files(words, (".xml",)))
    path = suite_record.write_run(textfile or Path(_textfile.FOLDER), suite_record.Suite(suite, phase, component), run)
    click.echo(f"{suite}: {run.passed} passed, {run.failed} failed, {run.skipped} skipped")
    _shared.report_file(path)
