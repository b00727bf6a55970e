"""Which metrics exist: what our exporter declares, what others expose, what the project declares."""

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

_PATTERN = re.compile(r"[*?\[]")  # of fnmatch
_UNITS = ("seconds", "bytes", "ratio")


def load(project: Project, targets: Targets | None = None) -> Catalog:
    """Return the catalogue that every expression of a project is checked against, but for what rules record.

    The project's own declarations come first: its word on its metrics holds. `targets` are by default today's.
    """
    catalog = Catalog(_infos(project.data.get("metrics", {}), "project"), targets)
    allowed = ((project.data.get("watch") or {}).get("containers") or {}).get("labels") or ()
    catalog.add(_labelled(one, allowed) for one in collector.list_metrics(collector.load_collectors().values()))
    catalog.add(_instrumented(one) for one in instrument.METRICS)
    catalog.add(foreign())
    return catalog


def _labelled(one: MetricInfo, allowed: Iterable[str]) -> MetricInfo:
    """Return a metric with the labels of containers that `watch: containers: labels:` allows; patterns allow any."""
    if not one.labels or not any(label.startswith(label_name("")) for label in one.labels):
        return one
    names = [word for word in allowed if not _PATTERN.search(word)]
    more = dict.fromkeys(label_name(word) for word in names)
    open_labels = one.open_labels or len(names) < len(list(allowed))
    return replace(one, labels=(*dict.fromkeys((*one.labels, *more)),), open_labels=open_labels)


def _instrumented(one: instrument.MetricDeclaration) -> MetricInfo:
    return MetricInfo(one.name, one.kind, one.help, one.labels, one.unit, "deckwatch.instrument")


def foreign() -> Iterator[MetricInfo]:
    """Yield the metrics of other programs, from the tables in `library/metrics`; a table's name is the program's."""
    folder = plugins.package_folder(plugins.import_package("provisioning"), "library", "metrics")
    for path in plugins.list_files(folder, ".yaml"):
        yield from _infos(yaml_file.read_yaml(path).data, path.stem)


def _infos(declared: Mapping[str, Mapping[str, Any]], source: str) -> Iterator[MetricInfo]:
    for name, said in declared.items():
        unit = said.get("unit") or _unit(name)
        labels = tuple(said.get("labels", ()))
        yield MetricInfo(name, said["kind"], said.get("help", ""), labels, unit, source, said.get("open", False))


def _unit(name: str) -> str:
    return next((unit for unit in _UNITS if name.removesuffix("_total").endswith("_" + unit)), "")
