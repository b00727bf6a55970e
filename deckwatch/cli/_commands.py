"""The group type of the command line: the modules of a package are its commands.

A command is a module with a click command (or group) named `command`; helpers begin with `_`. Commands import what
they need inside their functions, so that `--help` and `serve` start fast.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from deckwatch.core import plugins
from deckwatch.core.problems import did_you_mean

_NO_COMMAND = ("main",)


def command_names(package: str) -> list[str]:
    """Return the names of a package's commands, with `-` for `_`."""
    names = plugins.module_names(importlib.import_module(package))
    return [name.replace("_", "-") for name in names if name not in _NO_COMMAND]


class PackageGroup(click.Group):
    """A group whose commands are the modules of a package, imported on demand."""

    def __init__(self, *arguments: Any, package: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        del ctx
        return command_names(self.package)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; return None for an unknown name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"no command {args[0]!r}" + (f"; {hint}" if hint else ""), ctx) from None
