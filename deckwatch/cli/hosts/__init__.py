"""`deckwatch hosts …`: the machines of a project. Each module of this package is a command."""

from __future__ import annotations

import click

from deckwatch.cli._commands import PackageGroup


@click.command(cls=PackageGroup, package="deckwatch.cli.hosts")
def command() -> None:
    """List the machines of a project, and install the exporter on another one."""
