"""The catalog of known metrics: those of our exporter, of other programs, and of the project."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deckwatch.core import code_cache, plugins, yaml_file
from deckwatch.core.catalog import Catalog, MetricInfo
from deckwatch.exporter import watch_extensions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.project import Project
    from deckwatch.core.targets import Targets

_NAME = "metrics"
_PATTERN = re.compile(r"[*?\[]")  # fnmatch syntax
_UNITS = ("seconds", "bytes", "ratio")


def load_catalog(project: Project, targets: Targets | None = None) -> Catalog:
    """Return the catalog that all expressions of a project are checked against, without recorded metrics.

    The project's declarations come first and override the others. `targets` default to the current versions. A metric
    that a source in `watch:` fills besides others, such as http_requests_total, has the labels of all of them.
    """
    catalog = Catalog(_parse_metrics(project.data.get("metrics", {}), "project"), targets)
    watch = project.data.get("watch") or {}
    declared = {metric.name: metric for metric in watch_extensions.list_declared_metrics(watch)}
    if (project.data.get("build") or {}).get("record_thresholds"):
        from deckwatch.alerting import threshold_rules  # noqa: PLC0415 - imports what renders rules

        catalog.add([threshold_rules.METRIC])
    allowed = (watch.get("containers") or {}).get("labels") or ()
    shipped = _load_shipped()
    collected = map(_unpack_metric, shipped["collected"])
    visible = (_with_container_labels(metric, allowed) for metric in collected) if allowed else collected
    known = itertools.chain(visible, map(_unpack_metric, shipped["others"]))
    catalog.add((_with_labels_of(metric, declared.get(metric.name)) for metric in known) if declared else known)
    catalog.add(declared.values())
    return catalog


def list_collectors() -> tuple[list[str], list[str]]:
    """Return the names of the exporter's collectors, and all names and prefixes of names that options accept."""
    shipped = _load_shipped()
    return list(shipped["collectors"]), list(shipped["words"])


@functools.cache
def _load_shipped() -> dict[str, list[Any]]:
    shipped: dict[str, list[Any]] = code_cache.get_or_build(_NAME, _list_shipped)
    return shipped


def _list_shipped() -> dict[str, list[Any]]:
    """Return the metrics and names of the exporter's collectors, and the metrics of other programs, as JSON values."""
    from deckwatch.exporter import collector  # noqa: PLC0415 - imports all collectors

    collectors = collector.load_collectors()
    others = [*list_declared(), *read_metric_tables()]
    instrumented = {metric.name for metric in list_declared()}  # the exporter counts some of them in access logs
    collected = [each for each in collector.list_metrics(collectors.values()) if each.name not in instrumented]
    return {
        "collectors": list(collectors),
        "words": collector.names_and_prefixes(collectors),
        "collected": [_pack_metric(metric) for metric in collected],
        "others": [_pack_metric(metric) for metric in others],
    }


def _pack_metric(metric: MetricInfo) -> list[Any]:
    values = [getattr(metric, field.name) for field in dataclasses.fields(metric)]
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _unpack_metric(values: list[Any]) -> MetricInfo:
    name, kind, text, labels, *others = values
    return MetricInfo(name, kind, text, tuple(labels), *others)


def _with_container_labels(metric: MetricInfo, allowed: Iterable[str]) -> MetricInfo:
    """Return a metric with the labels of `watch: containers: labels:`; a pattern there allows any label."""
    from deckwatch.exporter.sources.container import label_name  # noqa: PLC0415

    if not metric.labels or not any(label.startswith(label_name("")) for label in metric.labels):
        return metric
    names = [name for name in allowed if not _PATTERN.search(name)]
    labels = dict.fromkeys(label_name(name) for name in names)
    open_labels = metric.open_labels or len(names) < len(list(allowed))
    return replace(metric, labels=(*dict.fromkeys((*metric.labels, *labels)),), open_labels=open_labels)


def list_declared() -> Iterator[MetricInfo]:
    """Yield the metrics that `deckwatch.instrument` and the commands that write textfiles declare, by their source."""
    from deckwatch import textfile  # noqa: PLC0415
    from deckwatch.instrument import job_metrics  # noqa: PLC0415
    from deckwatch.instrument import metrics as instrument  # noqa: PLC0415

    declared = {"deckwatch.instrument": instrument.METRICS, "jobs": job_metrics.METRICS}
    for _, module in plugins.import_modules(textfile):
        if hasattr(module, "METRICS"):
            declared[module.COMMAND] = module.METRICS
    for source, metrics in declared.items():
        yield from (MetricInfo(*metric, source) for metric in metrics)


def _with_labels_of(metric: MetricInfo, other: MetricInfo | None) -> MetricInfo:
    """Return a metric with the labels of another declaration too."""
    return replace(metric, labels=(*dict.fromkeys((*metric.labels, *other.labels)),)) if other else metric


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
