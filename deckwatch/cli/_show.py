"""Terminal output: tables, progress, and problems with carets on standard error."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from deckwatch.core.problems import Problem, caret_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

_PIPED_WIDTH = 250
_MAX_EXCERPT_BYTES = 8 << 20  # of a file whose lines are shown; a report of another program may be larger


class Advance(Protocol):
    """Advance a progress bar."""

    def __call__(self, amount: int = 1, /) -> None:
        """Advance it by an amount."""


def create_console() -> Console:
    """Return a rich console for tables; piped output is not wrapped to the terminal width."""
    from rich.console import Console

    is_piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_PIPED_WIDTH if is_piped else None, soft_wrap=False)


def print_rows(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table with text in the first column and numbers in the others."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if number else "left", overflow="fold")
    for line in lines:
        table.add_row(*line)
    create_console().print(table)


def print_texts(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table with text in all columns."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for title in titles:
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(*line)
    create_console().print(table)


@contextlib.contextmanager
def show_spinner(label: str) -> Iterator[None]:
    """Show a spinner on a terminal; do nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(label):
        yield


@contextlib.contextmanager
def show_progress(label: str, total: int) -> Iterator[Advance]:
    """Show a progress bar on a terminal; yield a function that advances it, from any thread."""
    if not sys.stderr.isatty():
        yield lambda _amount=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=total)
        yield lambda amount=1: bars.advance(task, amount)


def print_problems(problems: Sequence[Problem], root: Path | None = None) -> None:
    """Print problems, each with its source line and a caret, and their count."""
    from deckwatch.cli._excerpts import ExcerptMasker

    masker = ExcerptMasker()
    texts: dict[str, str] = {}
    shown: dict[str, Sequence[str]] = {}
    for problem in problems:
        color = "red" if problem.severity == "error" else "yellow"
        click.echo(
            click.style(f"{problem.place}: ", bold=True)
            + click.style(f"{problem.severity}: ", fg=color, bold=True)
            + problem.one_sentence
            + click.style(f" [{problem.check}]", dim=True),
            err=True,
        )
        if problem.place.file not in texts:
            texts[problem.place.file] = text = _file_text(problem.place.file, root)
            shown[problem.place.file] = masker.mask_text(problem.place.file, text)
        if line := caret_line(problem, texts[problem.place.file], shown[problem.place.file]):
            click.echo(line, err=True)
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    click.secho(", ".join(parts), err=True, bold=True)


def problem_fields(problem: Problem) -> dict[str, str | int]:
    """Return a problem for programs; line and column are 0 for a whole file. Passwords are masked."""
    return {
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "severity": problem.severity,
        "message": problem.one_sentence,
        "check": problem.check,
    }


def _file_text(file: str, root: Path | None) -> str:
    path = root / file if root else Path(file)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_EXCERPT_BYTES:  # a pipe or a device has no end
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
