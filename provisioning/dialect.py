"""Dialects: how a metrics page that is not ours names requests, durations and labels.

A dialect maps each of our metrics to those of a page and each of our labels to theirs. Shipped ones are files in
`dialects/`, the project's are below `dialects:`; both have the same keys. `dialect_relabelling` and `dialect_rules`
make Prometheus configuration of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins, yaml_file
from deckwatch.instrument.metrics import METRICS, MetricDeclaration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.core.project import Project

FOLDER = Path(__file__).with_name("dialects")
MARK = "speaks"  # the label of every series that a dialect maps; derived series have none
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
# By unit of a source: how many decimal places its values move to become seconds.
UNITS = {"seconds": 0, "milliseconds": 3, "microseconds": 6, "nanoseconds": 9}
_SUFFIXES = {
    "_milliseconds": "milliseconds",
    "_ms": "milliseconds",
    "_microseconds": "microseconds",
    "_us": "microseconds",
    "_nanoseconds": "nanoseconds",
    "_ns": "nanoseconds",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A metric of a page that becomes one of ours.

    `places` are the decimal places by which its values move to become seconds: 3 for milliseconds.
    """

    metric: str
    places: int = 0


@dataclass(frozen=True, slots=True)
class LabelSource:
    """A label of a page that becomes one of ours: `value` may refer to the groups of `match`."""

    label: str
    match: str = "(.+)"
    value: str = "${1}"


@dataclass(frozen=True)
class Dialect:
    """A dialect. `metrics` and `labels` map ours to theirs: the first that a page, or a series, has.

    Only series are mapped whose labels (theirs) match every regular expression of `only` and none of `skip`. `kinds`
    are the kinds of our metrics; `data` is the mapping as in its file.
    """

    name: str
    metrics: Mapping[str, tuple[Source, ...]]
    labels: Mapping[str, tuple[LabelSource, ...]]
    only: Mapping[str, str]
    skip: Mapping[str, str]
    kinds: Mapping[str, str]
    data: Mapping[str, Any]

    def list_parts(self, metric: str) -> tuple[str, ...]:
        """Return the suffixes of the series of one of our metrics, that of its count last; ("",) for a counter."""
        return _PARTS.get(self.kinds[metric], ("",))

    def list_source_series(self) -> list[str]:
        """Return the names of all series that the dialect reads, each once."""
        return list(
            dict.fromkeys(
                source.metric + part
                for metric, sources in self.metrics.items()
                for source in sources
                for part in self.list_parts(metric)
            )
        )


def list_names(project: Project) -> list[str]:
    """Return the names of all dialects, those of the project first."""
    return list(dict.fromkeys([*project.data.get("dialects", {}), *list_shipped()]))


def list_shipped() -> list[str]:
    """Return the names of the shipped dialects."""
    return [path.stem for path in plugins.list_files(FOLDER, ".yaml")]


def load_dialect(project: Project, name: str) -> Dialect | None:
    """Return a dialect of the project or a shipped one; None if there is none of this name."""
    own: dict[str, Any] = project.data.get("dialects", {})
    if name in own:
        return read_dialect(name, own[name], find_targets(project))
    return load_shipped(name) if name in list_shipped() else None


def load_shipped(name: str) -> Dialect:
    """Return a shipped dialect."""
    return read_dialect(name, yaml_file.read_yaml(FOLDER / f"{name}.yaml").data, find_targets())


def load_used(project: Project) -> list[Dialect]:
    """Return the dialects that entries of `scrape:` speak, each once; unknown ones are left out."""
    names = dict.fromkeys(name for entry in project.data.get("scrape", ()) for name in list_spoken(entry))
    return [dialect for name in names if (dialect := load_dialect(project, name)) is not None]


def list_spoken(entry: Mapping[str, Any]) -> list[str]:
    """Return the dialects of an entry of `scrape:`: one for a page, any number for the containers of an engine."""
    spoken: list[str] = _as_list(entry.get("speaks", []))
    return spoken


def find_targets(project: Project | None = None) -> dict[str, MetricDeclaration]:
    """Return the metrics that a dialect can map to: the middleware's, and those that the project declares."""
    targets = {metric.name: metric for metric in METRICS}
    for name, declared in (project.data.get("metrics", {}) if project is not None else {}).items():
        kind, labels = declared.get("kind", "untyped"), tuple(declared.get("labels", ()))
        metric = MetricDeclaration(name, kind, declared.get("help", ""), labels, declared.get("unit", ""))
        if name in targets:
            metric = metric._replace(labels=(*targets[name].labels, *labels), unit=targets[name].unit)
        targets[name] = metric
    return targets


def read_dialect(name: str, data: Mapping[str, Any], targets: Mapping[str, MetricDeclaration]) -> Dialect:
    """Return a dialect from its valid mapping, without metrics that are unknown."""
    metrics = {
        metric: tuple(_read_source(source, targets[metric]) for source in _as_list(sources))
        for metric, sources in data["metrics"].items()
        if metric in targets
    }
    labels = {
        label: tuple(map(_read_label, _as_list(sources))) for label, sources in (data.get("labels") or {}).items()
    }
    only, skip = ({label: str(regex) for label, regex in (data.get(key) or {}).items()} for key in ("only", "skip"))
    return Dialect(name, metrics, labels, only, skip, {metric: targets[metric].kind for metric in metrics}, data)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _read_source(value: str | Mapping[str, Any], target: MetricDeclaration) -> Source:
    options = {"metric": value} if isinstance(value, str) else value
    name: str = options["metric"]
    unit = options.get("unit") or _infer_unit(name)
    return Source(name, UNITS[unit] if target.unit == "seconds" else 0)


def _infer_unit(name: str) -> str:
    """Return the unit of time in a metric's name."""
    return next((unit for suffix, unit in _SUFFIXES.items() if name.endswith(suffix)), "seconds")


def _read_label(value: str | Mapping[str, Any]) -> LabelSource:
    if isinstance(value, str):
        return LabelSource(value)
    # Go takes $1xx for a group named 1xx.
    replacement = re.sub(r"\$([0-9]+)", r"${\1}", str(value.get("value", "$1")))
    return LabelSource(value["label"], str(value.get("match", "(.+)")), replacement)
