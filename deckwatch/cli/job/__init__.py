"""`deckwatch job …`: metrics of jobs. Each module of this package is a command."""

from __future__ import annotations

import click

from deckwatch.cli._commands import PackageGroup


@click.command(cls=PackageGroup, package="deckwatch.cli.job")
def command() -> None:
    """Run cron jobs and CI steps with metrics of their result and duration."""
