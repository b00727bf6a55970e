"""Who is scraped: files of targets, each read by Prometheus while it runs.

The jobs themselves stand in prometheus.yml; only these files name machines, so that `deckwatch up` and an operator
change machines without touching anything else. Identity follows the contract: `instance` is a name wherever one is
known, `service` is what people call an application.
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
ACCESS = "__tmp_access"  # Prometheus leaves labels that begin so to us
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """One page to read: `address` is host:port; labels that begin with `__` say how, the others stay."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with an exporter. `access` is the label of what Prometheus needs to be let in, empty for nothing."""

    name: str
    address: str
    access: str = ""

    def target(self, **labels: str) -> Target:
        """Return its page with these labels."""
        return Target(self.address, labels | ({ACCESS: self.access} if self.access else {}))


@dataclass(frozen=True, slots=True)
class Access:
    """How the pages of one host or of several are opened: a scrape configuration of its own, for only there it is said.

    `config` is what Prometheus calls scheme, tls_config and basic_auth; `host` is the first host that it is for.
    """

    label: str
    host: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Targets:
    """All targets of a Prometheus, by the file that names them."""

    hosts: Sequence[Host]
    postgres: Mapping[str, Host] = field(default_factory=dict)  # a server's name, and the host whose exporter reads it
    applications: Sequence[Target] = ()
    prometheus: Sequence[Target] = ()
    alertmanager: Sequence[Target] = ()

    def files(self) -> list[Artifact]:
        """Return the files in the format of file_sd."""
        groups = {
            "hosts": [host.target(instance=host.name) for host in self.hosts],
            "postgres": [host.target(instance=server, __param_server=server) for server, host in self.postgres.items()],
            "applications": self.applications,
            "prometheus": self.prometheus,
            "alertmanager": self.alertmanager,
        }
        return [Artifact(f"{FOLDER}/{name}.yaml", _file(targets)) for name, targets in groups.items()]


def compose(project: Project) -> Targets:
    """Return the targets of a project as the Compose file runs it: its services by their names."""
    hosts = declared_hosts(project) or [Host("this-host", f"deckwatch:{load_contract()['port']}")]
    return Targets(
        hosts,
        dict.fromkeys(postgres_servers(project), hosts[0]),
        applications(project),
        [Target("prometheus:9090", {"instance": "prometheus"})],
        [Target("alertmanager:9093", {"instance": "alertmanager"})],
    )


def problems(project: Project) -> Iterator[Problem]:
    """Yield what is wrong with `hosts:` and `scrape:` beyond their structure: two targets with one identity."""
    seen: set[tuple[str, ...]] = set()
    hosts = [(("hosts", i), ("host", one.name)) for i, one in enumerate(declared_hosts(project))]
    entries: list[tuple[Path, tuple[str, ...]]] = [*hosts, *_pages(project)]
    for index, host in enumerate(project.data.get("hosts", ())):
        if host.get("scheme") == "http" and "tls_config" in host:
            yield project.document.problem(("hosts", index, "scheme"), "tls_config has no meaning over http")
    for path, identity in entries:
        if identity in seen:
            message = f"{' '.join(identity)} stands above already: their figures would be the same series"
            yield project.document.problem(path, message, "give this one a name of its own")
        seen.add(identity)


def declared_hosts(project: Project) -> list[Host]:
    """Return the machines of `hosts:`."""
    labels = [(one.config, one.label) for one in accesses(project)]
    return [
        Host(one["name"], one["address"], next((label for config, label in labels if config == _config(one)), ""))
        for one in project.data.get("hosts", ())
    ]


def accesses(project: Project) -> list[Access]:
    """Return how the protected machines of `hosts:` are opened, each way once."""
    found: list[Access] = []
    for one in project.data.get("hosts", ()):
        config = _config(one)
        if config and config not in [known.config for known in found]:
            found.append(Access(str(len(found) + 1), one["name"], config))
    return found


def _config(host: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: host[key] for key in ("scheme", "tls_config", "basic_auth") if key in host}
    scheme = given.get("scheme", "https" if "tls_config" in given else "http")
    return {} if given.keys() <= {"scheme"} and scheme == "http" else {**given, "scheme": scheme}


def postgres_servers(project: Project) -> list[str]:
    """Return the names of the database servers that the project watches."""
    return [one["name"] for one in project.data.get("watch", {}).get("postgres", ())]


def applications(project: Project) -> list[Target]:
    """Return the targets of `scrape:` that have an address of their own."""
    return [
        application(one["service"], one["url"], one.get("instance"))
        for one in project.data.get("scrape", ())
        if "url" in one
    ]


def engines(project: Project) -> list[dict[str, str]]:
    """Return the Docker engines of `scrape:`, each with its `docker` address and, if one is said, its `network`."""
    return [one for one in project.data.get("scrape", ()) if "docker" in one]


def _pages(project: Project) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield each entry of `scrape:` with what tells it from others."""
    for index, one in enumerate(project.data.get("scrape", ())):
        if "docker" in one:
            yield ("scrape", index), ("docker", one["docker"])
        else:
            labels = application(one["service"], one["url"], one.get("instance")).labels
            yield ("scrape", index), (labels["service"], labels["instance"])


def application(service: str, url: str, instance: str | None = None) -> Target:
    """Return the target for an application's page; without a name, `instance` is its host and port."""
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


def _file(targets: Sequence[Target]) -> str:
    return yaml_write.dump_yaml([{"targets": [one.address], "labels": dict(one.labels)} for one in targets])
