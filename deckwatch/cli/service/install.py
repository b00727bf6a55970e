"""`deckwatch service install`: write the unit, enable and start it."""

from __future__ import annotations

from pathlib import Path

import click

from deckwatch.cli import _listener
from deckwatch.cli.service import _steps


def _check_address(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """Return the address as it was written; fails where `serve` would."""
    if text is not None:
        _listener.Listen().convert(text, option, context)
    return text


@click.command(cls=_steps.ServiceCommand)
@_steps.user_option
@click.option(
    "--listen",
    callback=_check_address,
    metavar="HOST:PORT",
    help="Address to listen on, such as :9877; by default that of deckwatch.yaml, or 127.0.0.1:9877.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="Group whose files the service may read: adm for /var/log, docker for containers (equivalent to root).",
)
@_steps.change_options
@click.pass_obj
def command(
    project: Path, /, *, is_user: bool, listen: str | None, groups: tuple[str, ...], dry_run: bool, yes: bool
) -> None:
    """Install the exporter as a service, start it now and at every boot; again, after an upgrade or with other options.

    Prints each step before the first is taken. The service reads the folder of --project, by default /etc/deckwatch,
    with --user ~/.config/deckwatch.
    """
    from deckwatch.core.own_command import format_command
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.packaging import service as services

    service = services.find_service(is_user=is_user)
    _steps.refuse_package(service, "install")
    if is_user and groups:
        raise click.UsageError("--group needs a service of the machine: a user's service has the user's groups")
    _check_groups(groups)
    if not is_user and services.find_command()[-1].endswith(".pyz"):
        raise DeckwatchError("one file unpacks itself into a home folder, which a service has not: use pip, or --user")
    if not is_user and (closed := services.find_closed_folder(services.find_command())):
        raise DeckwatchError(
            f"other users cannot read {closed}, so the service could not start this program: "
            "install it below /opt or /usr/local, or use --user"
        )
    folder = service.project if project == Path() else project.resolve()
    arguments = ["--project", str(folder), "serve", *(["--listen", listen] if listen else [])]
    steps = services.install_steps(service, arguments, groups)
    _steps.perform_steps(service, steps, dry_run=dry_run, yes=yes)
    if not dry_run:
        option = ["--user"] if is_user else []
        click.echo(f"installed; see {format_command('service', 'status', *option, project=Path())}", err=True)
    if is_user:
        click.echo("to keep it running after you log out: loginctl enable-linger", err=True)


def _check_groups(groups: tuple[str, ...]) -> None:
    import grp

    from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean

    known = {group.gr_name for group in grp.getgrall()}
    for name in groups:
        if name not in known:
            raise DeckwatchError(add_hint(f"there is no group {name}", did_you_mean(name, known)))
