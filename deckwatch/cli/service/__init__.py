"""`deckwatch service …`: the exporter as a systemd service. Each module of this package is a command."""

from __future__ import annotations

import click

from deckwatch.cli._commands import PackageGroup


@click.command(cls=PackageGroup, package="deckwatch.cli.service")
def command() -> None:
    """Run the exporter as a systemd service, of this machine or of a user.

    The unit is the one of the Debian package, with this installation's program.
    """
