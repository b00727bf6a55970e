"""`deckwatch views …`: named queries as JSON. Each module of this package is a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli._commands import PackageGroup

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=PackageGroup, package="deckwatch.cli.views")
@click.pass_obj
def command(project: Path, /) -> None:
    """Answer named queries as JSON, from the shipped views and those under `views:` of deckwatch.yaml."""
    del project
