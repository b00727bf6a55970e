"""`deckwatch alerts …`: list, route, acknowledge and silence alerts. Each module of this package is a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli._commands import PackageGroup

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=PackageGroup, package="deckwatch.cli.alerts")
@click.pass_obj
def command(project: Path, /) -> None:
    """List, route, acknowledge and silence alerts, and test notifications.

    All commands except `route` and `suggest` query a running Alertmanager, given by `--alertmanager`.
    """
    del project
