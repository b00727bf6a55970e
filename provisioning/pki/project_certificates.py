"""What `pki:` of a project means for its scrape configuration, and certificates there that would be refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core import extras
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import DeckwatchError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.exporter.host_list import NamedHost

_BUNDLE = "../.."  # of out/prometheus/prometheus.yml, whose folder relative paths in it begin at


def find_folder(project: Project) -> Path | None:
    """Return the path of the folder that `pki:` of a project names; None without `pki:`."""
    return project.folder / project.data["pki"]["folder"] if "pki" in project.data else None


def use_local_folder(project: Project) -> None:
    """Let a Prometheus on this machine read the folder of certificates where it is, not where another sees it."""
    if (folder := find_folder(project)) is not None:
        project.data["pki"]["prometheus_folder"] = str(folder.resolve())


def read_tls_config(project: Project) -> dict[str, Any] | None:
    """Return the tls_config with which Prometheus reads the project's exporters; None without `pki:`."""
    if "pki" not in project.data:
        return None
    settings: Mapping[str, Any] = project.data["pki"]
    folder = settings.get("prometheus_folder", f"{_BUNDLE}/{settings['folder']}").rstrip("/")
    own = f"{folder}/prometheus"
    return {"ca_file": f"{own}/ca.crt", "cert_file": f"{own}/tls.crt", "key_file": f"{own}/tls.key"}


def find_problems(project: Project, hosts: Iterable[NamedHost]) -> Iterator[Problem]:
    """Yield the certificates that Prometheus or these hosts would refuse; none if the folder is not on this machine."""
    path = find_folder(project)
    if path is None or not (path / "ca.crt").is_file():
        return
    extras.require_module("cryptography", "certificates are configured in `pki:`")
    from deckwatch.provisioning.pki import certificate_folder  # noqa: PLC0415 - needs the extra `pki`

    folder = certificate_folder.open_folder(path)
    place = project.document.place(("pki", "folder"))
    try:
        authority = folder.read_certificate_of_authority()
    except DeckwatchError as error:
        yield Problem(place, str(error), check="pki")
        return
    places = {host.name: host.place for host in hosts}
    if certificate_folder.PROMETHEUS in places:
        message = "a host with this name cannot have a certificate: its folder is Prometheus' own"
        yield Problem(places[certificate_folder.PROMETHEUS], message, "give it another name, or a tls_config", "pki")
    places |= {certificate_folder.PROMETHEUS: place}
    held = set(folder.list_holders())
    for name, where in places.items():
        if name not in held:
            hint = f"`{format_command('pki', 'issue', name)}` makes one"
            yield Problem(where, f"{name} has no certificate in {path}", hint, "pki", "warning")
            continue
        try:
            fault = folder.find_fault(name, authority)
        except DeckwatchError as error:
            yield Problem(where, str(error), check="pki")
            continue
        if fault:
            hint = f"`{format_command('pki', 'renew', name)}` replaces it"
            yield Problem(where, f"the certificate of {name} {fault}", hint, "pki")
