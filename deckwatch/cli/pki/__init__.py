"""`deckwatch pki …`: certificates for Prometheus and the exporters. Each module of this package is a command."""

from __future__ import annotations

import click

from deckwatch.cli._commands import PackageGroup


@click.command(cls=PackageGroup, package="deckwatch.cli.pki")
def command() -> None:
    """Let Prometheus and the exporters verify each other, by certificates of a small authority of your own.

    `init` creates the authority, `issue` a certificate for each host, `renew` replaces those that expire soon. Private
    keys have mode 0600 and are never printed.
    """
