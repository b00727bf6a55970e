"""Pages of applications in the export for Kubernetes: the specifications of ScrapeConfigs.

https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1alpha1.ScrapeConfig
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.provisioning import scrape_options, scrape_targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.project import Project

# Files of Prometheus' machine, or what a ScrapeConfig takes from Secrets only.
_LEFT_OUT = ("tls_config", "basic_auth", "authorization", "bearer_token_file", "headers")
_NAMES = {"source_labels": "sourceLabels", "target_label": "targetLabel"}


def is_left_out(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of `scrape:` is not exported."""
    return any(key in entry for key in _LEFT_OUT)


def list_pages(project: Project) -> Iterator[dict[str, Any]]:
    """Yield the exported pages, see kubernetes.libsonnet."""
    for index, entry in enumerate(project.data.get("scrape", ())):
        urls = [] if is_left_out(entry) else scrape_options.list_urls(entry)
        for position, url in enumerate(urls):
            name = f"page-{index + 1}" + (f"-{position + 1}" if len(urls) > 1 else "")
            yield {"name": name, **_describe_page(project, {**entry, "url": url})}


def _describe_page(project: Project, entry: Mapping[str, Any]) -> dict[str, Any]:
    target = scrape_targets.application_target(entry["service"], entry["url"], entry.get("instance"))
    options = scrape_options.read_options(project, entry)
    params = {
        key.removeprefix("__param_"): [value] for key, value in target.labels.items() if key.startswith("__param_")
    }
    params |= options.get("params", {})
    page = {
        "target": target.address,
        "labels": {key: value for key, value in target.labels.items() if not key.startswith("__")},
        "path": target.labels["__metrics_path__"],
        "scheme": target.labels["__scheme__"].upper() if "__scheme__" in target.labels else None,
        "params": params or None,
        "interval": options.get("scrape_interval"),
        "timeout": options.get("scrape_timeout"),
        "relabelings": _convert_steps(options.get("relabel_configs", ())),
        "metric_relabelings": _convert_steps(options.get("metric_relabel_configs", ())),
    }
    return {key: value for key, value in page.items() if value is not None}


def _convert_steps(steps: Iterator[Mapping[str, Any]] | tuple[()]) -> list[dict[str, Any]]:
    """Return steps of relabelling with the names of Prometheus Operator, whose texts are never numbers."""
    return [
        {_NAMES.get(key, key): str(value) if key in ("regex", "replacement") else value for key, value in step.items()}
        for step in steps
    ]
