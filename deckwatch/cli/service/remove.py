"""`deckwatch service remove`: stop the service and remove its unit."""

from __future__ import annotations

import click

from deckwatch.cli.service import _steps


@click.command(cls=_steps.ServiceCommand)
@_steps.user_option
@_steps.change_options
def command(*, is_user: bool, dry_run: bool, yes: bool) -> None:
    """Stop the service and remove its unit. Configuration and state are kept."""
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.packaging import service as services

    service = services.find_service(is_user=is_user)
    if service.read_state() == "absent":
        _steps.refuse_package(service, "remove")
        raise DeckwatchError(f"there is no {service.unit}")
    _steps.perform_steps(service, services.remove_steps(service), dry_run=dry_run, yes=yes)
    if not dry_run:
        click.echo(f"removed; {service.project} and the state are kept", err=True)
