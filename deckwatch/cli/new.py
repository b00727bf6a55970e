"""`deckwatch new`: create a project from a template folder."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.core import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command()
@click.argument("template", callback=lambda _context, _parameter, value: _find_template(value))
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def command(template: Path, folder: Path | None) -> None:
    """Create a small project: deckwatch.yaml, dashboards, alerts with their proofs, a README.

    `deckwatch list templates` lists the TEMPLATEs. FOLDER, by default named like the template, must not exist or be
    empty; nothing is overwritten. The project can be checked, generated and tested right away.
    """
    folder = folder or Path(template.name)
    _refuse_existing(folder)
    for path in template_files(template):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write((template / path).read_text(encoding="utf-8"))
        click.echo(target)
    click.echo(f"next: deckwatch --project {folder} check", err=True)
    click.echo(f"      deckwatch --project {folder} up", err=True)


def template_folders() -> list[Path]:
    """Return the folders of all templates, sorted by name."""
    root = plugins.package_folder(importlib.import_module("deckwatch"), "templates")
    return sorted(path for path in root.iterdir() if path.is_dir())


def template_files(template: Path) -> Iterator[Path]:
    """Yield the sorted paths of a template's files, relative to its folder."""
    yield from sorted(path.relative_to(template) for path in template.rglob("*") if path.is_file())


def read_summary(template: Path) -> tuple[str, str]:
    """Return the title and the first sentence of a template's README."""
    title, _, rest = (template / "README.md").read_text(encoding="utf-8").partition("\n")
    return title.removeprefix("#").strip(), rest.strip().partition(". ")[0].partition("\n")[0].rstrip(".") + "."


def _find_template(name: str) -> Path:
    """Return a template's folder; raises BadParameter with the nearest name."""
    from deckwatch.core.problems import did_you_mean

    known = {path.name: path for path in template_folders()}
    if name not in known:
        raise click.BadParameter(f"no template is called {name} ({did_you_mean(name, known)})")
    return known[name]


def _refuse_existing(folder: Path) -> None:
    from deckwatch.core.problems import DeckwatchError

    if folder.exists() and not folder.is_dir():
        raise DeckwatchError(f"{folder} is a file; name a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise DeckwatchError(f"{folder} is not empty, and nothing is overwritten; name a new folder")
