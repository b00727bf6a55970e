"""The catalog of known metrics: those of our exporter, of other programs, and of the project."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins, yaml_file
from deckwatch.core.catalog import Catalog, MetricInfo
from deckwatch.exporter import collector
from deckwatch.exporter.sources.container import label_name
from deckwatch.instrument import metrics as instrument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.project import Project
    from deckwatch.core.targets import Targets

_PATTERN = re.compile(r"[*?\[]")  # fnmatch syntax
_UNITS = ("seconds", "bytes", "ratio")


def load_catalog(project: Project, targets: Targets | None = None) -> Catalog:
    """Return the catalog that all expressions of a project are checked against, without recorded metrics.

    The project's declarations come first and override the others. `targets` default to the current versions.
    """
    catalog = Catalog(_parse_metrics(project.data.get("metrics", {}), "project"), targets)
    allowed = ((project.data.get("watch") or {}).get("containers") or {}).get("labels") or ()
    catalog.add(
        _with_container_labels(metric, allowed)
        for metric in collector.list_metrics(collector.load_collectors().values())
    )
    catalog.add(_to_metric_info(metric) for metric in instrument.METRICS)
    catalog.add(read_metric_tables())
    return catalog


def _with_container_labels(metric: MetricInfo, allowed: Iterable[str]) -> MetricInfo:
    """Return a metric with the labels of `watch: containers: labels:`; a pattern there allows any label."""
    if not metric.labels or not any(label.startswith(label_name("")) for label in metric.labels):
        return metric
    names = [name for name in allowed if not _PATTERN.search(name)]
    labels = dict.fromkeys(label_name(name) for name in names)
    open_labels = metric.open_labels or len(names) < len(list(allowed))
    return replace(metric, labels=(*dict.fromkeys((*metric.labels, *labels)),), open_labels=open_labels)


def _to_metric_info(metric: instrument.MetricDeclaration) -> MetricInfo:
    return MetricInfo(metric.name, metric.kind, metric.help, metric.labels, metric.unit, "deckwatch.instrument")


def read_metric_tables() -> Iterator[MetricInfo]:
    """Yield the metrics of other programs from the tables in `library/metrics`, each named after its program."""
    folder = plugins.package_folder(plugins.import_package("provisioning"), "library", "metrics")
    for path in plugins.list_files(folder, ".yaml"):
        yield from _parse_metrics(yaml_file.read_yaml(path).data, path.stem)


def _parse_metrics(declared: Mapping[str, Mapping[str, Any]], source: str) -> Iterator[MetricInfo]:
    for name, entry in declared.items():
        unit = entry.get("unit") or _guess_unit(name)
        labels = tuple(entry.get("labels", ()))
        yield MetricInfo(name, entry["kind"], entry.get("help", ""), labels, unit, source, entry.get("open", False))


def _guess_unit(name: str) -> str:
    return next((unit for unit in _UNITS if name.removesuffix("_total").endswith("_" + unit)), "")
