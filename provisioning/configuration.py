"""prometheus.yml and Grafana's provisioning files, built by the Jsonnet in `library/` and written as YAML."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deckwatch.core import yaml_write
from deckwatch.core.artifact import Artifact
from deckwatch.core.contract import load_contract
from deckwatch.provisioning import host_targets, prometheus_settings, scrape_targets, sites
from deckwatch.provisioning.storage import read_storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.project import Project
    from deckwatch.provisioning.build_settings import BuildSettings
    from deckwatch.provisioning.storage import Storage

_MAX_SCRAPE_SECONDS = 10  # Prometheus' default timeout; a shorter interval lowers it
_LABELS_EXPANDED_SINCE = "3.0"  # before, only with --enable-feature=expand-external-labels
_GRAFANA = "local grafana = import 'provisioning/grafana.libsonnet';"
_UNUSED = ("alerting", "notifiers", "plugins")
_ORDER = (
    *("apiVersion", "job_name", "name", "uid", "type", "global", "remote_write", "rule_files", "alerting"),
    "scrape_interval",
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A dashboard folder in Grafana: `path` is relative to grafana/dashboards; an empty uid means the top level."""

    path: str
    title: str
    uid: str


def render_files(
    project: Project, folders: Sequence[Folder], renderer: Renderer, build: BuildSettings, expressions: Iterable[str]
) -> list[Artifact]:
    """Return prometheus.yml and the provisioning files; `expressions` are the PromQL of the bundle."""
    jobs, storage = load_contract()["jobs"], read_storage(project)
    settings = {
        "interval": build.interval,
        "timeout": scrape_timeout(build.interval_seconds),
        "labels": project.data.get("build", {}).get("labels", {}),
        "expands_labels": build.targets.supports("prometheus", _LABELS_EXPANDED_SINCE),
        "jobs": jobs,
        "order": list(jobs),  # the contract's order: Jsonnet sorts object fields
        "accesses": [dataclasses.asdict(access) for access in host_targets.read_accesses(project)],
        "application_accesses": [dataclasses.asdict(one) for one in scrape_targets.application_accesses(project)],
        "access_label": host_targets.ACCESS,
        "discoveries": host_targets.read_discoveries(project),
        "engines": scrape_targets.docker_engines(project),
        "scrape_label": load_contract()["scrape_label"],
        "speaks_label": load_contract()["speaks_label"],
        "servers": {
            "alertmanager": _server_settings(build.addresses.internal_alertmanager),
            "grafana": _server_settings(build.addresses.internal_grafana),
            "prometheus": _server_settings(build.addresses.internal_prometheus),
        },
        "sites": sites.build_job(project, expressions),
        "others": _read_other_settings(project, build, storage),
        "evaluates": not (storage and storage.evaluates),
    }
    prometheus = renderer.evaluate("import 'provisioning/prometheus.libsonnet'", settings=settings)
    datasources = renderer.evaluate(
        f"{_GRAFANA} function(interval, urls, others, engine) grafana.datasources(interval, urls, others, engine)",
        interval=build.interval,
        urls={"prometheus": build.addresses.internal_prometheus, "alertmanager": build.addresses.internal_alertmanager},
        others=project.data.get("build", {}).get("data_sources", {}),
        engine=storage.data_source() if storage else {},
    )
    # Grafana logs an error for each of its provisioning folders that does not exist.
    unused = [_yaml_artifact(f"grafana/provisioning/{name}/deckwatch.yaml", {"apiVersion": 1}) for name in _UNUSED]
    return [
        *unused,
        _yaml_artifact("prometheus/prometheus.yml", prometheus),
        _yaml_artifact("grafana/provisioning/datasources/deckwatch.yaml", datasources),
        render_providers(folders, renderer),
    ]


def _read_other_settings(project: Project, build: BuildSettings, storage: Storage | None) -> dict[str, Any]:
    """Return the settings of a project for prometheus.yml, with the storage as the first receiver of remote write."""
    settings = prometheus_settings.read_settings(project, build.targets)
    if storage is not None:
        settings["remote_write"] = [storage.remote_write(), *settings.get("remote_write", ())]
        if storage.agent:
            settings.pop("storage", None)  # an agent has no database
    return settings


def scrape_timeout(interval_seconds: float) -> str:
    """Return the time limit of a scrape, as a duration."""
    return f"{min(_MAX_SCRAPE_SECONDS, interval_seconds):g}s"


def render_providers(folders: Sequence[Folder], renderer: Renderer) -> Artifact:
    """Return the file that makes Grafana read the dashboards of these folders."""
    providers = [{"path": folder.path, "title": folder.title, "uid": folder.uid} for folder in folders]
    program = f"{_GRAFANA} function(folders) grafana.dashboards(folders)"
    return _yaml_artifact(
        "grafana/provisioning/dashboards/deckwatch.yaml", renderer.evaluate(program, folders=providers)
    )


def _server_settings(url: str) -> dict[str, str]:
    """Return the scheme and the path of a server's address, which target files do not hold; "" for the defaults."""
    parts = urlsplit(url)
    return {"scheme": "https" if parts.scheme == "https" else "", "path": parts.path.rstrip("/")}


def _yaml_artifact(path: str, value: Any) -> Artifact:
    return Artifact(path, yaml_write.dump_yaml(value, order=_ORDER))
