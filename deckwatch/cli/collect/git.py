"""`deckwatch collect git`: metrics of a repository."""

from __future__ import annotations

from pathlib import Path

import click

from deckwatch.cli import _textfile
from deckwatch.cli.collect import _shared


@click.command(cls=_shared.CollectCommand)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--repo", default="", show_default="the folder's name", help="Name of the repository.")
@click.option("--branch", default="", show_default="the one checked out", help="Branch to describe.")
@_textfile.add_textfile_option
def command(folder: Path, *, repo: str, branch: str, textfile: Path | None) -> None:
    """Write the number of commits, the last commit and its time, and the number of branches of a repository.

    A shallow clone, as CI makes by default, has no number of commits: fetch the whole history for it.
    """
    from deckwatch.textfile.git_facts import read_facts, write_facts

    facts = read_facts(folder, repo, branch)
    path = write_facts(textfile or Path(_textfile.FOLDER), folder, facts)
    number = (
        "a shallow clone, so without its number of commits"
        if facts.commits is None
        else _shared.count_noun(facts.commits, "commit")
    )
    click.echo(f"{facts.repository} {facts.branch}: {facts.commit[:12]}, {number}")
    _shared.report_file(path)
