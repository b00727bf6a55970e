"""`deckwatch alerts …`: what fires, who is told, and who has taken it on. A command is a file of this folder."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from deckwatch.cli import alerts
from deckwatch.core import plugins

if TYPE_CHECKING:
    from pathlib import Path


class Commands(click.Group):
    """The commands in this folder, `_` for `-`, imported one by one when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the command files."""
        del ctx
        return [name.replace("_", "-") for name in plugins.module_names(alerts)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None for a name that is no file."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"deckwatch.cli.alerts.{cmd_name.replace('-', '_')}")
        found: click.Command = module.command
        return found


@click.command(cls=Commands)
@click.pass_obj
def command(project: Path, /) -> None:
    """See what fires and who is told, take it on, keep it silent, and try the channels.

    All but `route` and `suggest` ask a running Alertmanager; `--alertmanager` says where it is.
    """
    del project
