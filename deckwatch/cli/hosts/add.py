"""`deckwatch hosts add`: add a machine to the project, and install the exporter there over ssh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.cli.pki import _certificates

if TYPE_CHECKING:
    from deckwatch.core.project import Project

_PORT = 9877


@click.command()
@click.argument("name", metavar="HOST")
@click.option("--address", metavar="HOST:PORT", help="Where Prometheus reaches it; by default HOST, port 9877.")
@click.option(
    "--ssh",
    "destination",
    is_flag=False,
    flag_value="",
    metavar="[USER@HOST]",
    help="Install the exporter over ssh; by default at HOST.",
)
@click.option(
    "--ssh-option", "ssh_options", multiple=True, metavar="NAME=VALUE", help="Option of ssh_config(5). Repeatable."
)
@click.option("--sudo", is_flag=True, help="Become root there with sudo, without a password.")
@click.option(
    "--prefix", default="/opt/deckwatch", show_default=True, metavar="FOLDER", help="Folder there for the program."
)
@click.option(
    "--configuration",
    default="/etc/deckwatch",
    show_default=True,
    metavar="FOLDER",
    help="Folder there for deckwatch.yaml.",
)
@click.option(
    "--package", default="deckwatch[config]", show_default=True, metavar="NAME", help="What pip installs there."
)
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A wheel to copy and install.",
)
@click.option(
    "--service/--no-service", "has_service", default=True, help="Whether to install and start the systemd service."
)
@click.option("--run", "is_run", is_flag=True, help="Perform the steps; without it they are printed only.")
@click.pass_obj
def command(
    project: Path,
    /,
    *,
    name: str,
    address: str | None,
    destination: str | None,
    ssh_options: tuple[str, ...],
    sudo: bool,
    is_run: bool,
    prefix: str,
    configuration: str,
    package: str,
    wheel: Path | None,
    has_service: bool,
) -> None:
    """Add HOST to `hosts:`, and with --ssh install the exporter there.

    With `pki:` in deckwatch.yaml, the host gets a certificate and its page can be read by Prometheus only. Repeat the
    command after an upgrade, or to copy a renewed certificate.
    """
    from deckwatch.cli import _project
    from deckwatch.exporter import host_list
    from deckwatch.packaging.remote_install import Installation, plan_steps

    loaded = _project.load_project(project)
    known = {host.name: host.address for host in host_list.read_hosts(loaded).hosts}
    address = address or known.get(name) or host_list.join_address(name, None)
    port = _read_port(address)
    if name not in known:
        _add_to_project(loaded, name, address, is_run=is_run)
    certificates = _issue_certificate(loaded, name, address, is_run=is_run)
    if destination is None:
        return
    installation = Installation(prefix, configuration, package, port, wheel, certificates, has_service=has_service)
    ssh = ["ssh", *(word for option in ssh_options for word in ("-o", option)), destination or name]
    steps = plan_steps(installation, sudo=sudo)
    for step in steps:
        click.echo(step.describe(ssh))
        if is_run:
            step.perform(ssh)


def _read_port(address: str) -> int:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise click.UsageError(f"--address {address} is not of the form HOST:PORT")
    return int(port)


def _add_to_project(project: Project, name: str, address: str, *, is_run: bool) -> None:
    """Print the entry of a new machine, and with `is_run` write it into deckwatch.yaml."""
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.core.project import FILE
    from deckwatch.core.whole_file import replace_file
    from deckwatch.core.yaml_edit import CannotEditError
    from deckwatch.provisioning import host_edit

    click.echo(f"# {FILE}: hosts: - {{name: {name}, address: {address}}}")
    if not is_run:
        return
    path = project.folder / FILE
    try:
        text = host_edit.add_host(project.document.text, name, address)
    except CannotEditError as error:
        raise DeckwatchError(f"{path}: {error}; add the host yourself and repeat the command") from None
    replace_file(path, text.encode())


def _issue_certificate(project: Project, name: str, address: str, *, is_run: bool) -> Path | None:
    """Return the folder of the host's certificate, which is new if it has none; None without `pki:`."""
    from deckwatch.core.own_command import format_command
    from deckwatch.provisioning.pki import project_certificates

    if "pki" not in project.data or project_certificates.find_folder(project) is None:
        return None
    certificates = _certificates.open_folder(project, None)
    folder = certificates.holder_path(name)
    if name not in set(certificates.list_holders()):
        from deckwatch.provisioning.pki.certificate_folder import host_names

        names = host_names(name, address)
        click.echo(format_command("pki", "issue", name))
        if is_run:
            certificates.issue(certificates.read_authority(), name, names, _certificates.DAYS)
    return folder if folder.is_dir() else None
