"""Terminal output: tables, progress, and problems with carets on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.core.problems import Problem, caret_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

_PIPED_WIDTH = 250


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
def show_progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on a terminal; yield a function that advances it by one, from any thread."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=total)
        yield lambda: bars.advance(task)


def print_problems(problems: Sequence[Problem], root: Path | None = None) -> None:
    """Print problems, each with its source line and a caret, and their count."""
    texts: dict[str, str] = {}
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
            texts[problem.place.file] = _file_text(problem.place.file, root)
        if line := caret_line(problem, texts[problem.place.file]):
            click.echo(line, err=True)
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    click.secho(", ".join(parts), err=True, bold=True)


def _file_text(file: str, root: Path | None) -> str:
    try:
        return (root / file if root else Path(file)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
