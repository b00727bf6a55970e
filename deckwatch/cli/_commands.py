"""The group type of the command line: the modules of a package are its commands.

A command is a module with a click command (or group) named `command`; helpers begin with `_`. Commands import what
they need inside their functions, so that `--help` and `serve` start fast.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from deckwatch.cli._command_names import command_names
from deckwatch.cli._project_option import add_project_option
from deckwatch.core.problems import DeckwatchError, did_you_mean

_EXPORTER_COMMANDS = (
    "serve",
    "scrape",
    "top",
)  # need no more than an extra for what they watch; others need `generate`


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
        return add_project_option(command)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; raises DeckwatchError where a package of an extra is not installed."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            from deckwatch.core import extras

            name = ctx.invoked_subcommand or ""
            needs_little = getattr(self.get_command(ctx, name), "reads_no_project", False)
            preferred = "" if needs_little or name in _EXPORTER_COMMANDS else "generate"
            message = extras.describe_missing_module(error.name or "", preferred)
            if message is None:
                raise
            raise DeckwatchError(message) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"no command {args[0]!r}" + (f"; {hint}" if hint else ""), ctx) from None
