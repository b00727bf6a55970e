"""Scrape targets, as files that Prometheus reloads while it runs.

The jobs are in prometheus.yml and only these files name machines, so that `deckwatch up` and an operator can change
machines without touching anything else. Labels follow the contract: `instance` is a name wherever one is known,
`service` the name of an application.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from deckwatch.core import yaml_write
from deckwatch.core.artifact import Artifact
from deckwatch.core.contract import load_contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Path

FOLDER = "prometheus/targets"
ACCESS = "__tmp_access"  # Prometheus reserves the prefix __tmp_ for users
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """One page to scrape: `address` is host:port; labels that begin with `__` control the scrape, the others remain."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with an exporter. `access` is the label of its Access, empty for an unprotected one."""

    name: str
    address: str
    access: str = ""

    def to_target(self, **labels: str) -> Target:
        """Return the target of its page with these labels."""
        return Target(self.address, labels | ({ACCESS: self.access} if self.access else {}))


@dataclass(frozen=True, slots=True)
class Access:
    """How Prometheus authenticates to one or several hosts, which takes a scrape configuration of its own.

    `config` holds Prometheus' scheme, tls_config and basic_auth; `host` is the first host that uses it.
    """

    label: str
    host: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class ScrapeTargets:
    """All targets of a Prometheus, by the file that lists them. `postgres` maps a server to the host that reads it."""

    hosts: Sequence[Host]
    postgres: Mapping[str, Host] = field(default_factory=dict)
    applications: Sequence[Target] = ()
    prometheus: Sequence[Target] = ()
    alertmanager: Sequence[Target] = ()

    def target_files(self) -> list[Artifact]:
        """Return the files in the format of file_sd."""
        groups = {
            "hosts": [host.to_target(instance=host.name) for host in self.hosts],
            "postgres": [host.to_target(instance=name, __param_server=name) for name, host in self.postgres.items()],
            "applications": self.applications,
            "prometheus": self.prometheus,
            "alertmanager": self.alertmanager,
        }
        return [Artifact(f"{FOLDER}/{name}.yaml", _targets_yaml(targets)) for name, targets in groups.items()]


def compose_targets(project: Project) -> ScrapeTargets:
    """Return the targets of a project run by the Compose file, which names its services as hosts."""
    hosts = declared_hosts(project) or [Host("this-host", f"deckwatch:{load_contract()['port']}")]
    return ScrapeTargets(
        hosts,
        dict.fromkeys(postgres_servers(project), hosts[0]),
        application_targets(project),
        [Target("prometheus:9090", {"instance": "prometheus"})],
        [Target("alertmanager:9093", {"instance": "alertmanager"})],
    )


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `hosts:` and `scrape:` that the schema does not catch: two targets with one identity."""
    seen: set[tuple[str, ...]] = set()
    hosts = [(("hosts", i), ("host", host.name)) for i, host in enumerate(declared_hosts(project))]
    entries: list[tuple[Path, tuple[str, ...]]] = [*hosts, *_scrape_identities(project)]
    for index, host in enumerate(project.data.get("hosts", ())):
        if host.get("scheme") == "http" and "tls_config" in host:
            yield project.document.problem(("hosts", index, "scheme"), "tls_config has no effect over http")
    for path, identity in entries:
        if identity in seen:
            message = f"duplicate {' '.join(identity)}: both would produce the same series"
            yield project.document.problem(path, message, "give this one another name")
        seen.add(identity)


def declared_hosts(project: Project) -> list[Host]:
    """Return the machines of `hosts:`."""
    labels = [(access.config, access.label) for access in read_accesses(project)]
    return [
        Host(
            host["name"],
            host["address"],
            next((label for config, label in labels if config == _access_config(host)), ""),
        )
        for host in project.data.get("hosts", ())
    ]


def read_accesses(project: Project) -> list[Access]:
    """Return the distinct ways to authenticate to the protected machines of `hosts:`."""
    accesses: list[Access] = []
    for host in project.data.get("hosts", ()):
        config = _access_config(host)
        if config and config not in [access.config for access in accesses]:
            accesses.append(Access(str(len(accesses) + 1), host["name"], config))
    return accesses


def _access_config(host: Mapping[str, Any]) -> dict[str, Any]:
    config = {key: host[key] for key in ("scheme", "tls_config", "basic_auth") if key in host}
    scheme = config.get("scheme", "https" if "tls_config" in config else "http")
    return {} if config.keys() <= {"scheme"} and scheme == "http" else {**config, "scheme": scheme}


def postgres_servers(project: Project) -> list[str]:
    """Return the names of the project's database servers."""
    return [server["name"] for server in project.data.get("watch", {}).get("postgres", ())]


def application_targets(project: Project) -> list[Target]:
    """Return the targets of `scrape:` that have a URL."""
    return [
        application_target(entry["service"], entry["url"], entry.get("instance"))
        for entry in project.data.get("scrape", ())
        if "url" in entry
    ]


def docker_engines(project: Project) -> list[dict[str, str]]:
    """Return the Docker engines of `scrape:`, each with its `docker` address and optional `network`."""
    return [entry for entry in project.data.get("scrape", ()) if "docker" in entry]


def _scrape_identities(project: Project) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the path of each entry of `scrape:` with its identity."""
    for index, entry in enumerate(project.data.get("scrape", ())):
        if "docker" in entry:
            yield ("scrape", index), ("docker", entry["docker"])
        else:
            labels = application_target(entry["service"], entry["url"], entry.get("instance")).labels
            yield ("scrape", index), (labels["service"], labels["instance"])


def application_target(service: str, url: str, instance: str | None = None) -> Target:
    """Return the target of an application's page; `instance` defaults to host and port."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    address = f"{host}:{port}"
    labels = {"instance": instance or address, "service": service}
    labels["__metrics_path__"] = parts.path or "/metrics"
    if parts.scheme != "http":
        labels["__scheme__"] = parts.scheme
    labels |= {f"__param_{name}": value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    return Target(address, labels)


def _targets_yaml(targets: Sequence[Target]) -> str:
    return yaml_write.dump_yaml([{"targets": [target.address], "labels": dict(target.labels)} for target in targets])
