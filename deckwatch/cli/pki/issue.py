"""`deckwatch pki issue`: certificates for hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli.pki import _certificates

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("names", metavar="[HOST]...", nargs=-1)
@_certificates.folder_option
@click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="NAME",
    help="A name or IP address by which Prometheus reaches the host; by default those in `hosts:`. Repeatable.",
)
@_certificates.days_option
@click.pass_obj
def command(
    project: Path, /, *, names: tuple[str, ...], folder: str | None, addresses: tuple[str, ...], days: int
) -> None:
    """Issue a certificate for each HOST, by default for those of `hosts:` without one.

    The folder of a host has its key, certificate and web-config.yml: copy it there, and start `deckwatch serve` with
    --web.config.file. `deckwatch hosts add` does both.
    """
    from deckwatch.cli import _project
    from deckwatch.core.own_command import format_command
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.exporter import host_list

    if addresses and len(names) != 1:
        raise click.UsageError("--address needs one HOST")
    loaded = _project.load_project(project)
    certificates = _certificates.open_folder(loaded, folder)
    authority = certificates.read_authority()
    held = set(certificates.list_holders())
    if repeated := [name for name in names if name in held]:
        command = format_command("pki", "renew", *repeated)
        raise DeckwatchError(f"{', '.join(repeated)}: has a certificate; `{command}` replaces it")
    wanted = names or [name for name in host_list.read_hosts(loaded).names if name not in held]
    for name in wanted:
        written = certificates.issue(authority, name, _certificates.find_names(loaded, name, addresses), days)
        _certificates.print_written(written, project)
    if not wanted:
        click.echo("every host of `hosts:` has a certificate", err=True)
