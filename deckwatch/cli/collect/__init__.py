"""`deckwatch collect …`: metrics of deliveries for the textfile collector. Each module of this package is a command."""

from __future__ import annotations

import click

from deckwatch.cli._commands import PackageGroup


@click.command(cls=PackageGroup, package="deckwatch.cli.collect")
def command() -> None:
    """Write metrics of test runs, coverage, repositories, plans and deployments to *.prom files.

    Run these in CI, where their files are in reach of an exporter, or on the machine that the results are copied to.
    Each writes a file of its own, so that several never overwrite one another.
    """
