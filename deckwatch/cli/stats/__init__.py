"""`deckwatch stats …`: key figures of every system. Each module of this package is a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli._commands import PackageGroup

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=PackageGroup, package="deckwatch.cli.stats")
@click.pass_obj
def command(project: Path, /) -> None:
    """Show the key figures of hosts, containers, databases, applications, objectives and your own dashboards.

    Key figures are the stat and gauge panels of the dashboards, with their units and thresholds; they are read from
    Prometheus, so that no Grafana is needed.
    """
    del project
