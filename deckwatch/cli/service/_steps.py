"""What the commands of `deckwatch service` share: options, and steps that are printed before they are performed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deckwatch.packaging.service import Service, Step


class ServiceCommand(click.Command):
    """A command that reads no project: the service does, when it starts."""

    reads_no_project = True


user_option = click.option("--user", "is_user", is_flag=True, help="Your own service, in systemd's user manager.")


def change_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of commands that change something."""
    function = click.option("--yes", is_flag=True, help="Replace or remove a unit that was changed by hand.")(function)
    return click.option("--dry-run", is_flag=True, help="Print what would be done.")(function)


def refuse_package(service: Service, verb: str) -> None:
    """Raise DeckwatchError if the Debian package's service is installed, which apt manages."""
    from deckwatch.packaging.service import find_package_unit

    if not service.is_user and (unit := find_package_unit()):
        raise DeckwatchError(f"{unit} belongs to the Debian package, so there is nothing to {verb} here: use apt")


def perform_steps(service: Service, steps: Iterable[Step], *, dry_run: bool, yes: bool) -> None:
    """Print every step, then perform them; ask before a unit that was changed by hand is replaced or removed."""
    steps = list(steps)
    for step in steps:
        click.echo(step.describe())
    touches_unit = any(step.path == service.unit for step in steps)
    is_changed = touches_unit and service.read_state() == "changed"
    if dry_run:
        return
    if not service.is_user and os.geteuid() != 0:
        raise DeckwatchError("a service of the machine needs root: run this with sudo, or use --user")
    if is_changed and not yes:
        if not sys.stdin.isatty():
            raise DeckwatchError(f"{service.unit} was changed by hand, and is kept; --yes replaces or removes it")
        click.confirm(f"{service.unit} was changed by hand. Go on?", abort=True, err=True)
    for step in steps:
        step.perform()
