"""`deckwatch new`: create a project from template folders."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.core import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from click.shell_completion import CompletionItem

_SIMILAR = 0.75  # of a word and a template's name: more likely a misspelling than a folder
_MERGED = {"deckwatch.yaml": "merge_projects", "README.md": "merge_readmes"}


def _complete_template(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(path.name) for path in template_folders() if path.name.startswith(incomplete)]


@click.command()
@click.argument("words", metavar="TEMPLATE... [FOLDER]", nargs=-1, required=True, shell_complete=_complete_template)
def command(words: tuple[str, ...]) -> None:
    """Create a small project: deckwatch.yaml, dashboards, alerts with their proofs, a README, schemas for editors.

    `deckwatch list templates` lists the TEMPLATEs; several are combined: `deckwatch new web-shop api`. FOLDER, by
    default named like the templates, must not exist or be empty; nothing is overwritten. The project can be checked,
    generated and tested right away.
    """
    from deckwatch.core.own_command import format_command

    templates, folder = _split_words(words)
    _refuse_existing(folder)
    for path, text in project_files(templates).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
        click.echo(target)
    click.echo(f"next: {format_command('check', project=folder)}", err=True)
    click.echo(f"      {format_command('up', project=folder)}", err=True)


def project_files(templates: Sequence[Path]) -> dict[Path, str]:
    """Return the files of a project made from templates by path: theirs, and the JSON Schemas that they refer to."""
    from deckwatch.cli import _merge_templates
    from deckwatch.provisioning import schemas

    texts: dict[Path, list[str]] = {}
    for template in templates:
        for path in template_files(template):
            texts.setdefault(path, []).append((template / path).read_text(encoding="utf-8"))
    files = {
        path: found[0] if len(found) == 1 else getattr(_merge_templates, _MERGED[str(path)])(found)
        for path, found in texts.items()
    }
    return files | {Path(".deckwatch", schema.path): schema.text for schema in schemas.schema_files()}


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


def _split_words(words: Sequence[str]) -> tuple[list[Path], Path]:
    """Return the templates and the folder; raises BadParameter with the nearest template's name."""
    from deckwatch.core.problems import add_hint, did_you_mean

    known = {path.name: path for path in template_folders()}
    *names, last = words
    if last in known or not names:
        names, last = list(words), ""
    for name in names:
        if name not in known:
            raise click.BadParameter(add_hint(f"no template is called {name}", did_you_mean(name, known)))
    if last and (near := difflib.get_close_matches(last, known, n=1, cutoff=_SIMILAR)):
        raise click.BadParameter(f"no template is called {last} (did you mean {near[0]}? A folder is written ./{last})")
    names = list(dict.fromkeys(names))
    return [known[name] for name in names], Path(last or "-".join(names))


def _refuse_existing(folder: Path) -> None:
    from deckwatch.core.problems import DeckwatchError

    if folder.exists() and not folder.is_dir():
        raise DeckwatchError(f"{folder} is a file; name a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise DeckwatchError(f"{folder} is not empty, and nothing is overwritten; name a new folder")
