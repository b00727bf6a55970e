"""`deckwatch logs …`: what is in the logs of `watch: logs:`. Each module of this package is a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli._commands import PackageGroup

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=PackageGroup, package="deckwatch.cli.logs")
@click.pass_obj
def command(project: Path, /) -> None:
    """Read the logs that the exporter counts.

    The files are those of `watch: logs:` in deckwatch.yaml on this machine.
    """
    del project
