"""Startup time of commands.

Whole processes, including the interpreter's start, with a warm file cache; median of 15.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench._commands import once_ms, run_ms
from bench._sheet import Row, comparison_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options
    from bench._sheet import Sheet


def sheets(_: Options) -> Iterator[Sheet]:
    yield comparison_sheet(__doc__, _rows())


def _rows() -> Iterator[Row]:
    deckwatch = str(Path(sys.executable).with_name("deckwatch"))
    bare = statistics.median(run_ms([sys.executable, "-c", "import click"]))
    yield Row(
        "deckwatch --help", statistics.median(run_ms([deckwatch, "--help"])), bare, what="python -c 'import click'"
    )
    yield Row(
        "deckwatch --version",
        statistics.median(run_ms([deckwatch, "--version"])),
        bare,
        what="python -c 'import click'",
    )
    with tempfile.TemporaryDirectory() as folder:
        # A new folder each time, so that all files are rendered and written.
        times = [once_ms([deckwatch, "generate", "--out", f"{folder}/{n}"], Path(folder)) for n in range(8)]
        yield Row("deckwatch generate, cold", statistics.median(times), what="the shipped bundle, into a new folder")
        repeated = run_ms([deckwatch, "generate", "--out", f"{folder}/0"])
        yield Row(
            "deckwatch generate, nothing to do",
            statistics.median(repeated),
            what="the shipped bundle, into an up-to-date folder",
        )
