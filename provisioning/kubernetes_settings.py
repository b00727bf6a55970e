"""Settings of the export for Kubernetes: what each part of the exporter reads there, and which pages are scraped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deckwatch import __version__
from deckwatch.core import yaml_write
from deckwatch.core.contract import load_contract
from deckwatch.exporter import probe_entries, watch_extensions
from deckwatch.provisioning import kubernetes_pages, probe_intervals
from deckwatch.provisioning.plan import HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Path

NAME = "deckwatch"
NODE, CENTRAL = "node", "central"
USER = 9877  # of the image

# Keys of `watch:` that are about the machine on which the exporter runs; of the others, one pod reads all.
_OF_NODES = ("connections", "logs", "processes")
_NODE_NAME = "__meta_kubernetes_pod_node_name"
_FILE_KEYS = ("_file", "file")


@dataclass(frozen=True)
class Part:
    """The pods of one kind: `config` is the project file that they read."""

    config: str
    requests: Mapping[str, str]
    limits: Mapping[str, str]

    @property
    def checksum(self) -> str:
        """The SHA-256 of the configuration, by which pods are replaced when it changes."""
        return hashlib.sha256(self.config.encode()).hexdigest()

    @property
    def resources(self) -> dict[str, Any]:
        """The requests and limits of the container."""
        return {"requests": dict(self.requests), "limits": dict(self.limits)}


@dataclass(frozen=True)
class KubernetesSettings:
    """`central` is None if the project has no databases, probes or other sources that one pod reads.

    `endpoints` are by part, `pages` those of applications; see kubernetes.libsonnet.
    """

    namespace: str
    image: str
    cri_socket: str
    monitor_labels: Mapping[str, str]
    uses_operator: bool
    node: Part
    central: Part | None
    endpoints: Mapping[str, list[dict[str, Any]]]
    pages: list[dict[str, Any]]
    secrets: list[dict[str, str]] = field(default_factory=list)
    environment: list[dict[str, str]] = field(default_factory=list)


def read_kubernetes_settings(project: Project) -> KubernetesSettings:
    """Return the settings of a valid project."""
    block = project.data.get("build", {}).get("kubernetes", {})
    watch = project.data.get("watch", {})
    central = {key: value for key, value in watch.items() if _is_central(key) and value}
    endpoints = {NODE: list(_node_endpoints())}
    if central:
        endpoints[CENTRAL] = list(_central_endpoints(project))
    return KubernetesSettings(
        namespace=block.get("namespace", "monitoring"),
        image=block.get("image", f"{NAME}:{__version__}"),
        cri_socket=block.get("cri_socket", ""),
        monitor_labels=block.get("monitor_labels", {}),
        uses_operator=block.get("dashboards") == "grafana-operator",
        node=_make_node(project, {key: value for key, value in watch.items() if not _is_central(key)}),
        central=_make_central(project, watch, central) if central else None,
        endpoints=endpoints,
        pages=list(kubernetes_pages.list_pages(project)),
        secrets=list(block.get("secrets", ())),
        environment=list(block.get("environment", ())),
    )


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield a warning for what the export leaves out, and for secrets that no pod would have."""

    def problem(path: Path, message: str, hint: str = "") -> Problem:
        return replace(project.document.problem(path, message, hint), severity="warning")

    block = project.data.get("build", {}).get("kubernetes", {})
    for index, entry in enumerate(project.data.get("scrape", ())):
        if "docker" in entry:
            yield problem(("scrape", index), "the export for Kubernetes leaves out Docker engines")
        elif kubernetes_pages.is_left_out(entry):
            message = "the export for Kubernetes leaves out pages with authentication, headers or TLS settings"
            yield problem(("scrape", index), message, "write a ScrapeConfig with a Secret")
    if "sites" in project.data:
        yield problem(
            ("sites",), "the export for Kubernetes leaves out the scrape job of sites", "write a ScrapeConfig"
        )
    folders = [f"{secret['path'].rstrip('/')}/" for secret in block.get("secrets", ())]
    variables = {entry["variable"] for entry in block.get("environment", ())}
    for key, value in project.data.get("watch", {}).items():
        if not _is_central(key):
            continue
        for path, file in _find_files(value):
            if not file.startswith(tuple(folders)):
                hint = "name it in build: kubernetes: secrets:"
                yield problem(("watch", key, *path), f"no Secret is mounted at {file}", hint)
    for index, server in enumerate(project.data.get("watch", {}).get("postgres", ())):
        if "dsn_env" in server and server["dsn_env"] not in variables:
            message = f"no Secret sets the variable {server['dsn_env']}"
            hint = "name it in build: kubernetes: environment:"
            yield problem(("watch", "postgres", index, "dsn_env"), message, hint)


def _is_central(key: str) -> bool:
    """Return whether one pod reads a key of `watch:`, for the whole cluster."""
    return key in {"postgres", "probes", *watch_extensions.list_keys()} and key not in _OF_NODES


def _make_node(project: Project, watch: Mapping[str, Any]) -> Part:
    requests = {"cpu": "50m", "memory": "96Mi"}
    return Part(_render_config(project, watch), requests, {"memory": "256Mi"})


def _make_central(project: Project, watch: Mapping[str, Any], central: Mapping[str, Any]) -> Part:
    """Return the part that reads the sources outside of nodes: without the collectors of hosts and containers."""
    chosen = watch.get("collectors", {})
    kept = [word for word in chosen.get("on", ()) if word.partition("_")[0] not in ("host", "container")]
    collectors = {key: value for key, value in chosen.items() if key != "on"} | ({"on": kept} if kept else {})
    collectors["off"] = [*chosen.get("off", ()), "host", "container"]
    config = _render_config(project, {**_without_placement(central), "collectors": collectors})
    return Part(config, {"cpu": "50m", "memory": "96Mi"}, {"memory": "512Mi"})


def _without_placement(central: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys without `from`, which names machines of `hosts:`: there is one pod for all."""
    return {
        key: [{name: each for name, each in entry.items() if name != "from"} for entry in value]
        if isinstance(value, list)
        else {name: each for name, each in value.items() if name != "from"}
        if isinstance(value, dict)
        else value
        for key, value in central.items()
    }


def _render_config(project: Project, watch: Mapping[str, Any]) -> str:
    """Return a project file for the exporter: its `watch:`, and the limits that its page shows."""
    build = {key: value for key, value in project.data.get("build", {}).items() if key in ("set", "disable")}
    data = {key: value for key, value in (("watch", watch), ("build", build)) if value}
    return HEADER + (yaml_write.dump_yaml(data) if data else "")


def _node_endpoints() -> Iterator[dict[str, Any]]:
    for job, parameters in load_contract()["jobs"].items():
        if "target_per" not in parameters:
            page: dict[str, Any] = {"labels": {"job": job, "instance": _NODE_NAME}, "params": _page_params(parameters)}
            yield page | ({"readable_names": True} if job == "cadvisor" else {})


def _central_endpoints(project: Project) -> Iterator[dict[str, Any]]:
    jobs = load_contract()["jobs"]
    watch = project.data.get("watch", {})
    common = {"host": NAME}
    for server in watch.get("postgres", ()):
        labels = {"job": "postgres", "instance": _escape(server["name"]), **common}
        yield {"labels": labels, "params": _page_params(jobs["postgres"]) | {"server": [server["name"]]}}
    entries = watch.get("probes", ())
    instances = probe_entries.probe_instances(entries)
    for entry in entries:
        name = probe_entries.name_probe(entry)
        labels = {"job": "blackbox", "instance": _escape(instances[name]), **common}
        special = probe_intervals.scrape_labels(project, entry)
        times = (
            {"interval": special["__scrape_interval__"], "timeout": special["__scrape_timeout__"]} if special else {}
        )
        yield {"labels": labels, "params": _page_params(jobs["blackbox"]) | {"probe": [name]}, **times}
    yield {"labels": {"job": "deckwatch", "instance": NAME}, "params": _page_params(jobs["deckwatch"])}


def _page_params(job: Mapping[str, Any]) -> dict[str, list[str]]:
    return {f"{key}[]": list(job[key]) for key in ("collect", "exclude") if key in job}


def _escape(text: str) -> str:
    """Return a replacement of relabelling that stands for itself."""
    return text.replace("$", "$$")


def _find_files(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """Return the paths of the keys that name a file with a secret or certificate, and the files."""
    if isinstance(value, dict):
        own = [
            ((*path, key), text)
            for key, text in value.items()
            if isinstance(key, str) and key.endswith(_FILE_KEYS) and isinstance(text, str) and text.startswith("/")
        ]
        return own + [found for key, each in value.items() for found in _find_files(each, (*path, key))]
    if isinstance(value, list):
        return [found for index, each in enumerate(value) for found in _find_files(each, (*path, index))]
    return []
