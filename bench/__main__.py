"""`make bench`: every measurement in this folder, each beside what a user would run instead, in one run.

One file is one measurement: it has a docstring, whose first line is its title, and `rows()`, which yields `Row`s.
`python -m bench NAME …` runs some of them. What is not installed is said by name. Figures are never compared with a
limit: machines differ and are noisy; what counts is the ratio of two figures of one run.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

import bench


def main() -> None:
    folder = Path(__file__).parent
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    chosen = sys.argv[1:] or names
    if unknown := set(chosen) - set(names):
        sys.exit(f"no measurement {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    console = Console()
    console.print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}", style="dim")
    for name in chosen:
        module = importlib.import_module(f"{bench.__name__}.{name}")
        table = Table(title=(module.__doc__ or name).partition("\n")[0], title_justify="left", title_style="bold")
        for column in ("figure", "deckwatch", "beside", "ratio", "of what"):
            table.add_column(column, justify="left" if column in ("figure", "of what") else "right", overflow="fold")
        for row in module.rows():
            table.add_row(row.figure, row.shown(row.ours), row.shown(row.beside), row.ratio(), row.what)
        console.print(table)


if __name__ == "__main__":
    main()
