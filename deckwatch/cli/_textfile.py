"""The folder of `*.prom` files, an option of every command that writes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deckwatch.textfile import prom_file

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = prom_file.FOLDER
Decorated = TypeVar("Decorated", bound="Callable[..., Any]")


def add_textfile_option(command: Decorated) -> Decorated:
    """Add `--textfile`, passed as a Path, and None without it."""
    return click.option(
        "--textfile",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        show_default=FOLDER,
        help="Folder of the textfile collector, to which the metrics are written.",
    )(command)
