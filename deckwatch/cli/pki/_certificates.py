"""What the commands of `deckwatch pki` share: options, the folder, and the hosts of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.provisioning.pki.certificate_folder import CertificateFolder

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")

DAYS = 365
FOLDER = "pki"

days_option = click.option(
    "--days",
    type=click.IntRange(1, 825),
    default=DAYS,
    show_default=True,
    metavar="DAYS",
    help="How long new certificates are valid, at most as long as the authority.",
)


def folder_option(function: Decorated) -> Decorated:
    """Add `--folder`, which is by default that of the project."""
    return click.option(
        "--folder",
        type=click.Path(),
        metavar="FOLDER",
        help="The folder of the certificates; by default that of `pki:` in deckwatch.yaml, or pki.",
    )(function)


def open_folder(project: Project, folder: str | None) -> CertificateFolder:
    """Return the folder of the option, of the project, or pki in it; raises DeckwatchError without the extra."""
    from pathlib import Path

    from deckwatch.core import extras

    extras.require_module("cryptography", "certificates are made by it")
    from deckwatch.provisioning.pki import certificate_folder, project_certificates

    path = Path(folder) if folder else project_certificates.find_folder(project) or project.folder / FOLDER
    return certificate_folder.open_folder(path)


def find_names(project: Project, holder: str, addresses: Sequence[str]) -> list[str]:
    """Return the names of a new certificate: those given, or the name and address of a host of the project."""
    from deckwatch.exporter import host_list
    from deckwatch.provisioning.pki import certificate_folder

    if addresses:
        return list(dict.fromkeys(addresses))
    known = {host.name: host.address for host in host_list.read_hosts(project).hosts}
    return certificate_folder.host_names(holder, known.get(holder, ""))


def print_written(folder: Path, project: Path) -> None:
    """Print the folder of a new certificate."""
    click.echo(f"wrote {folder.relative_to(project) if folder.is_relative_to(project) else folder}")
