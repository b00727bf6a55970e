"""prometheus.yml and Grafana's provisioning files, built by the Jsonnet in `library/` and written as YAML."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import units, yaml_write
from deckwatch.core.artifact import Artifact
from deckwatch.core.contract import load_contract
from deckwatch.provisioning import scrape_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.project import Project

LIBRARY = Path(__file__).with_name("library")  # the renderer must serve it as `provisioning`
_MAX_SCRAPE_SECONDS = 10  # Prometheus' default timeout; a shorter interval lowers it
_UNUSED = ("alerting", "notifiers", "plugins")
_ORDER = ("apiVersion", "job_name", "name", "uid", "type", "global", "rule_files", "alerting", "scrape_interval")


@dataclass(frozen=True, slots=True)
class Folder:
    """A dashboard folder in Grafana: `path` is relative to grafana/dashboards; an empty uid means the top level."""

    path: str
    title: str
    uid: str


def render_files(project: Project, folders: Sequence[Folder], renderer: Renderer, *, interval: str) -> list[Artifact]:
    """Return prometheus.yml and the provisioning files; `interval` is the scrape interval."""
    jobs = load_contract()["jobs"]
    settings = {
        "interval": interval,
        "timeout": f"{min(_MAX_SCRAPE_SECONDS, units.parse_duration(interval)):g}s",
        "labels": project.data.get("build", {}).get("labels", {}),
        "jobs": jobs,
        "order": list(jobs),  # the contract's order: Jsonnet sorts object fields
        "accesses": [dataclasses.asdict(access) for access in scrape_targets.read_accesses(project)],
        "access_label": scrape_targets.ACCESS,
        "engines": scrape_targets.docker_engines(project),
        "scrape_label": load_contract()["scrape_label"],
    }
    grafana = "local grafana = import 'provisioning/grafana.libsonnet';"
    prometheus = renderer.evaluate("import 'provisioning/prometheus.libsonnet'", settings=settings)
    datasources = renderer.evaluate(
        f"{grafana} function(interval, others) grafana.datasources(interval, others)",
        interval=interval,
        others=project.data.get("build", {}).get("data_sources", {}),
    )
    providers = [{"path": folder.path, "title": folder.title, "uid": folder.uid} for folder in folders]
    dashboards = renderer.evaluate(f"{grafana} function(folders) grafana.dashboards(folders)", folders=providers)
    # Grafana logs an error for each of its provisioning folders that does not exist.
    unused = [_yaml_artifact(f"grafana/provisioning/{name}/deckwatch.yaml", {"apiVersion": 1}) for name in _UNUSED]
    return [
        *unused,
        _yaml_artifact("prometheus/prometheus.yml", prometheus),
        _yaml_artifact("grafana/provisioning/datasources/deckwatch.yaml", datasources),
        _yaml_artifact("grafana/provisioning/dashboards/deckwatch.yaml", dashboards),
    ]


def _yaml_artifact(path: str, value: Any) -> Artifact:
    return Artifact(path, yaml_write.dump_yaml(value, order=_ORDER))
