"""prometheus.yml and Grafana's provisioning: shaped by the Jsonnet in `library/`, written as YAML."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins, units, yaml_write
from deckwatch.core.artifact import Artifact
from deckwatch.core.contract import load_contract
from deckwatch.provisioning import targets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.project import Project

INTERVAL = "15s"
_REFRESH = "30s"
_MOST_SCRAPE_SECONDS = 10  # Prometheus' own default; a shorter interval shortens it
_UNUSED = ("alerting", "notifiers", "plugins")
_ORDER = ("apiVersion", "job_name", "name", "uid", "type", "global", "rule_files", "alerting", "scrape_interval")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of dashboards in Grafana: `path` below grafana/dashboards; no uid means the top level."""

    path: str
    title: str
    uid: str


def library() -> Path:
    """Return the folder of Jsonnet that the renderer must serve as `provisioning`."""
    return plugins.package_folder(plugins.import_package("provisioning"), "library")


def interval(project: Project) -> str:
    """Return how often everything is scraped, as Prometheus writes it."""
    text: str = project.data.get("build", {}).get("scrape_interval", INTERVAL)
    return text


def refresh(every: str) -> str:
    """Return how often a dashboard asks again: no faster than its figures come."""
    return every if units.parse_duration(every) > units.parse_duration(_REFRESH) else _REFRESH


def files(project: Project, folders: Sequence[Folder], renderer: Renderer, *, every: str) -> list[Artifact]:
    """Return the files; `every` is the scrape interval."""
    jobs = load_contract()["jobs"]
    settings = {
        "interval": every,
        "timeout": f"{min(_MOST_SCRAPE_SECONDS, units.parse_duration(every)):g}s",
        "labels": project.data.get("build", {}).get("labels", {}),
        "jobs": jobs,
        "order": list(jobs),  # as the contract has them: Jsonnet would sort them
        "accesses": [dataclasses.asdict(one) for one in targets.accesses(project)],
        "access_label": targets.ACCESS,
        "engines": targets.engines(project),
        "scrape_label": load_contract()["scrape_label"],
    }
    grafana = "local grafana = import 'provisioning/grafana.libsonnet';"
    prometheus = renderer.evaluate("import 'provisioning/prometheus.libsonnet'", settings=settings)
    datasources = renderer.evaluate(
        f"{grafana} function(interval, others) grafana.datasources(interval, others)",
        interval=every,
        others=project.data.get("build", {}).get("data_sources", {}),
    )
    listed = [{"path": one.path, "title": one.title, "uid": one.uid} for one in folders]
    dashboards = renderer.evaluate(f"{grafana} function(folders) grafana.dashboards(folders)", folders=listed)
    # Grafana calls it an error where one of its folders is not there.
    unused = [_yaml(f"grafana/provisioning/{name}/deckwatch.yaml", {"apiVersion": 1}) for name in _UNUSED]
    return [
        *unused,
        _yaml("prometheus/prometheus.yml", prometheus),
        _yaml("grafana/provisioning/datasources/deckwatch.yaml", datasources),
        _yaml("grafana/provisioning/dashboards/deckwatch.yaml", dashboards),
    ]


def _yaml(path: str, value: Any) -> Artifact:
    return Artifact(path, yaml_write.dump_yaml(value, order=_ORDER))
