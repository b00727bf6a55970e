"""Scrape targets, as files that Prometheus reloads while it runs.

The jobs are in prometheus.yml and only these files name machines, so that `deckwatch up` and an operator can change
machines without touching anything else. Labels follow the contract: `instance` is a name wherever one is known,
`service` the name of an application.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deckwatch.core import yaml_write
from deckwatch.core.artifact import Artifact
from deckwatch.core.contract import load_contract
from deckwatch.exporter import placement, probe_entries
from deckwatch.provisioning import host_targets, probe_intervals, scrape_options, sites
from deckwatch.provisioning.addresses import Addresses, read_addresses
from deckwatch.provisioning.host_targets import ACCESS, Access, Host, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Path

FOLDER = "prometheus/targets"


@dataclass(frozen=True)
class ScrapeTargets:
    """All targets of a Prometheus, by the file that lists them.

    `postgres` maps a server to the host that reads it; `probes` are targets of `probe_targets`.
    """

    hosts: Sequence[Host]
    postgres: Mapping[str, Host] = field(default_factory=dict)
    probes: Sequence[Target] = ()
    applications: Sequence[Target] = ()
    prometheus: Sequence[Target] = ()
    alertmanager: Sequence[Target] = ()
    grafana: Sequence[Target] = ()
    sites: Sequence[Target] = ()

    def target_files(self) -> list[Artifact]:
        """Return the files in the format of file_sd."""
        groups = {
            "hosts": [host.to_target(instance=host.name) for host in self.hosts],
            "postgres": [
                host.to_target(instance=name, host=host.name, __param_server=name)
                for name, host in self.postgres.items()
            ],
            "blackbox": self.probes,
            "applications": self.applications,
            "prometheus": self.prometheus,
            "alertmanager": self.alertmanager,
            "grafana": self.grafana,
            **({"sites": self.sites} if self.sites else {}),
        }
        return [Artifact(f"{FOLDER}/{name}.yaml", _targets_yaml(targets)) for name, targets in groups.items()]


def compose_targets(project: Project, addresses: Addresses | None = None) -> ScrapeTargets:
    """Return the targets of a project run by the Compose file, which names its services as hosts."""
    addresses = addresses or read_addresses(project)
    hosts = host_targets.declared_hosts(project)
    if "hosts" not in project.data:
        hosts = [Host("this-host", f"deckwatch:{load_contract()['port']}")]
    return ScrapeTargets(
        hosts,
        postgres_hosts(project, hosts),
        probe_targets(project, hosts),
        application_targets(project),
        [_server_target(addresses.internal_prometheus or "http://prometheus:9090")],
        [_server_target(addresses.internal_alertmanager or "http://alertmanager:9093")],
        [_server_target(url) for url in _list_grafana_urls(addresses)],
        sites.list_targets(project),
    )


def _list_grafana_urls(addresses: Addresses) -> list[str]:
    """Return the URL of Grafana; none where other programs replace those of Compose and Grafana has no address."""
    if addresses.internal_prometheus or addresses.internal_alertmanager:
        return [addresses.internal_grafana] if addresses.internal_grafana else []
    return [addresses.internal_grafana or "http://grafana:3000"]


def _server_target(url: str) -> Target:
    """Return the target of a Prometheus, Alertmanager or Grafana; its instance is the host's name."""
    return Target(host_targets.parse_address(url), {"instance": urlsplit(url).hostname or url})


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `hosts:` and `scrape:` that the schema does not catch: two targets with one identity."""
    yield from host_targets.find_problems(project)
    seen: set[tuple[str, ...]] = set()
    for path, identity in _scrape_identities(project):
        if identity in seen:
            message = f"duplicate {' '.join(identity)}: both would produce the same series"
            yield project.document.problem(path, message, "give this one another name")
        seen.add(identity)


def postgres_hosts(project: Project, hosts: Sequence[Host]) -> dict[str, Host]:
    """Return the host that reads each database server of the project, of these hosts; by default the first."""
    by_name = {host.name: host for host in hosts}
    servers = project.data.get("watch", {}).get("postgres", ())
    return {
        server["name"]: by_name[host]
        for server in servers
        for host in placement.chosen_hosts(server, list(by_name))
        if host in by_name
    }


def probe_targets(project: Project, hosts: Sequence[Host]) -> list[Target]:
    """Return the targets of `watch: probes:`, one for each host that runs the probe; `hosts` are known ones by order.

    As blackbox_exporter's users expect, `instance` is the probed address; `host` is the host that probes it.
    """
    by_name = {host.name: host for host in hosts}
    entries = project.data.get("watch", {}).get("probes", ())
    instances = probe_entries.probe_instances(entries)
    return [
        by_name[host].to_target(
            instance=instances[name],
            host=host,
            __param_probe=name,
            **probe_intervals.scrape_labels(project, entry),
        )
        for entry in entries
        for host in placement.chosen_hosts(entry, list(by_name))
        if host in by_name and (name := probe_entries.name_probe(entry))
    ]


def application_targets(project: Project) -> list[Target]:
    """Return the targets of `scrape:` that have a URL."""
    labels = [(access.config, access.label) for access in application_accesses(project)]
    targets = []
    for entry in _list_pages(project):
        target = application_target(entry["service"], entry["url"], entry.get("instance"))
        options = scrape_options.read_options(project, entry)
        access = next(({ACCESS: label} for config, label in labels if config == options), {})
        targets.append(replace(target, labels={**target.labels, **access}))
    return targets


def application_accesses(project: Project) -> list[Access]:
    """Return the distinct options of pages in `scrape:`, named after the first page that has them."""
    return host_targets.list_accesses(
        (f"{entry['service']} {entry.get('instance') or host_targets.parse_address(entry['url'])}", options)
        for entry in _list_pages(project)
        for options in [scrape_options.read_options(project, entry)]
    )


def _list_pages(project: Project) -> list[dict[str, Any]]:
    """Return the entries of `scrape:` with URLs, one for each URL."""
    entries = project.data.get("scrape", ())
    return [entry | {"url": url} for entry in entries for url in scrape_options.list_urls(entry)]


def docker_engines(project: Project) -> list[dict[str, Any]]:
    """Return the Docker engines of `scrape:`, with `docker` address, optional `network` and Prometheus' options.

    An engine is listed once more for each dialect that its containers name with a label: `speaks` is that dialect,
    `others` are all of them in the entry of the containers without.
    """
    engines: list[dict[str, Any]] = []
    for entry in project.data.get("scrape", ()):
        if "docker" not in entry:
            continue
        base = {key: entry[key] for key in ("docker", "network") if key in entry}
        named = [] if isinstance(entry.get("speaks", ""), str) else entry["speaks"]
        plain = {key: value for key, value in entry.items() if key != "speaks" or not named}
        others = {"others": named} if named else {}
        engines.append(base | others | {"config": scrape_options.read_options(project, plain)})
        for name in named:
            config = scrape_options.read_options(project, entry | {"speaks": name})
            engines.append(base | {"speaks": name, "config": config})
    return engines


def _scrape_identities(project: Project) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the path of each entry of `scrape:` with its identity."""
    for index, entry in enumerate(project.data.get("scrape", ())):
        if "docker" in entry:
            yield ("scrape", index), ("docker", entry["docker"])
        for position, url in enumerate(scrape_options.list_urls(entry)):
            labels = application_target(entry["service"], url, entry.get("instance")).labels
            path: Path = ("scrape", index) if isinstance(entry["url"], str) else ("scrape", index, "url", position)
            yield path, (labels["service"], labels["instance"])


def application_target(service: str, url: str, instance: str | None = None) -> Target:
    """Return the target of an application's page; `instance` defaults to host and port."""
    parts, address = urlsplit(url), host_targets.parse_address(url)
    labels = {"instance": instance or address, "service": service}
    labels["__metrics_path__"] = parts.path or "/metrics"
    if parts.scheme != "http":
        labels["__scheme__"] = parts.scheme
    parameters, _ = scrape_options.split_parameters(url)
    labels |= {f"__param_{name}": value for name, value in parameters.items()}
    return Target(address, labels)


def _targets_yaml(targets: Sequence[Target]) -> str:
    return yaml_write.dump_yaml([{"targets": [target.address], "labels": dict(target.labels)} for target in targets])
