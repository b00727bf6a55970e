"""`deckwatch pki init`: create the authority and Prometheus' certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli.pki import _certificates

if TYPE_CHECKING:
    from pathlib import Path

_DAYS = 3650


@click.command()
@_certificates.folder_option
@click.option("--name", default="deckwatch", show_default=True, help="The name of the authority, in its certificate.")
@click.option(
    "--days",
    type=click.IntRange(1, 7300),
    default=_DAYS,
    show_default=True,
    metavar="DAYS",
    help="How long the authority is valid.",
)
@click.pass_obj
def command(project: Path, /, *, folder: str | None, name: str, days: int) -> None:
    """Create an authority, and a certificate with which Prometheus reads the exporters.

    The authority's key, ca.key, is needed only to issue certificates: keep it where nobody else can read it.
    """
    from deckwatch.cli import _project

    loaded = _project.load_project(project)
    certificates = _certificates.open_folder(loaded, folder)
    certificates.create_authority(name, days)
    from deckwatch.provisioning.pki.certificate_folder import PROMETHEUS

    authority = certificates.read_authority()
    own = certificates.issue(authority, PROMETHEUS, [PROMETHEUS], min(days, _certificates.DAYS))
    for path in (certificates.path / "ca.crt", certificates.path / "ca.key", own):
        _certificates.print_written(path, project)
    if "pki" not in loaded.data:
        click.echo(f"add to deckwatch.yaml: pki: {{folder: {certificates.path.name}}}", err=True)
