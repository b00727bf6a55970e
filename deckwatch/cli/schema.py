"""`deckwatch schema`: write the JSON Schemas for editors."""

from __future__ import annotations

from pathlib import Path

import click

_REPORT = "report"  # which we write, and nobody edits
_KINDS = ("project", "dashboard", "part", "alerts", "insights", "plan", _REPORT)


@click.command()
@click.argument("kind", type=click.Choice(_KINDS), required=False)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=".deckwatch, in the project's folder",
    help="Output folder.",
)
@click.pass_obj
def command(project: Path, /, *, kind: str | None, out: Path | None) -> None:
    """Write the JSON Schemas of all kinds of files that we read, or print that of one KIND.

    `report` is the schema of `deckwatch report --format json`.

    To use one in an editor with a YAML language server, begin a file with a line such as
    `# yaml-language-server: $schema=.deckwatch/schema.json`.
    """
    from deckwatch.provisioning import schemas

    if kind == _REPORT:
        from deckwatch.reports.formats import json

        click.echo(json.read_schema(), nl=False)
        return
    own_panels = project / "panels"
    files = schemas.schema_files(own_panels if own_panels.is_dir() else None)
    if kind is not None:
        name = schemas.NAMES[kind]
        click.echo(next(file.text for file in files if file.path == name), nl=False)
        return
    folder = out or project / ".deckwatch"
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.path).write_text(file.text, encoding="utf-8")
        click.echo(f"{folder / file.path}", err=True)
