"""What the commands that write a `*.prom` file have in common."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Iterable


class CollectCommand(click.Command):
    """A command that needs no project, so that a mistake in one does not matter to it."""

    reads_no_project = True


def find_files(words: Iterable[str], suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files that words name: a file, a folder with files of these suffixes below, or a pattern with `*`.

    Raises DeckwatchError for a word that names none.
    """
    files: dict[Path, None] = {}
    for word in words:
        path = Path(word)
        if path.is_dir():
            matches = sorted(below for below in path.rglob("*") if below.suffix in suffixes and below.is_file())
        elif path.exists():
            matches = [path]
        else:
            found = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - may be absolute
            matches = [match for match in map(Path, found) if match.is_file()]
        if not matches:
            what = f"no file {' or '.join(f'*{suffix}' for suffix in suffixes)} in this folder"
            raise DeckwatchError(f"{word}: {what if path.is_dir() else 'no such file'}")
        files |= dict.fromkeys(matches)
    return list(files)


def count_noun(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def report_file(path: Path) -> None:
    """Print which file was written."""
    click.echo(f"written: {path}")
