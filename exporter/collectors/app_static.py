"""Values that people decide and nothing measures, from `watch: static:` in deckwatch.yaml."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from deckwatch.core import units
from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _measured
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.series_table import SeriesTable
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import MetricInfo
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.world import World

VALUES = Metric("deckwatch_static_values", "gauge", "Values in `watch: static:`.")

_MAX_SERIES = 20_000
_TIMESTAMP = "_timestamp_seconds"
Points = list[tuple[tuple[str | int, ...], dict[str, str], object]]  # path below the metric, labels, value


class StaticValues(Source):
    """The values, rendered once; a Source of the World, and the only subject of the collector."""

    def __init__(self, world: World) -> None:
        block: Mapping[str, Any] = world.config.get("static") or {}
        table = SeriesTable(_MAX_SERIES)
        count = 0
        for name, declared in block.items():
            entry, labels = _as_mapping(declared), _label_names(declared)
            metric = _measured.build_metric(name, entry, labels, "deckwatch.yaml")
            for _, given, value in _list_points(declared):
                series = tuple(given.get(label, "") for label in labels)
                table.set_value(metric, series, convert_value(name, entry, value))
                count += 1
        world.source(_measured.SeriesOwners).claim("watch: static:", table)
        self.samples: list[Sample | Lines] = [VALUES(count), *table.render_lines()]


def configured_values(world: World) -> Mapping[str, StaticValues]:
    """Return the values as the only subject; none where there are no values."""
    return {"values": world.source(StaticValues)} if world.config.get("static") else {}


@collector(VALUES, subjects=configured_values, subject_label="static")
def collect(_world: World, values: StaticValues) -> list[Sample | Lines]:
    """The values in `watch: static:`: targets, budgets and thresholds, team sizes, dates."""
    return values.samples


def convert_value(name: str, entry: Mapping[str, Any], value: object) -> float:
    """Return a value in its metric's unit: `99.9%`, `250ms`, `2GiB`, or for a Unix time a date. Raises ValueError."""
    if name.endswith(_TIMESTAMP) and isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a date such as 2026-01-31 or 2026-01-31T12:00:00+01:00") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    return units.parse_quantity(value, Metric(name, "gauge", "", unit=entry.get("unit", "")).unit)


def list_declared_metrics(block: Mapping[str, Any]) -> Iterator[MetricInfo]:
    """Yield the metrics of the values for the catalogue."""
    return _measured.describe_metrics(_list_declarations(block), "app_static")


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `watch: static:` that its schema does not cover."""
    block: Mapping[str, Any] = project.data["watch"]["static"]
    problem = project.document.problem
    yield from _measured.find_name_problems(project, _list_declarations(block))
    for name, declared in block.items():
        path: _measured.Path = ("watch", "static", name)
        names: set[frozenset[tuple[str, str]]] = set()
        for below, labels, value in _list_points(declared):
            try:
                convert_value(name, _as_mapping(declared), value)
            except ValueError as fault:
                yield problem((*path, *below), str(fault))
            series = frozenset(labels.items())
            if series in names:
                yield problem((*path, *below[:-1]), "another value above has the same labels")
            names.add(series)


def _list_declarations(block: Mapping[str, Any]) -> Iterator[_measured.Declaration]:
    for name, declared in block.items():
        yield ("watch", "static", name), name, _as_mapping(declared), _label_names(declared)


def _as_mapping(declared: Any) -> dict[str, Any]:
    return declared if isinstance(declared, dict) else {"value": declared}


def _list_points(declared: Any) -> Points:
    """Return the values of a metric, each with its labels; one without a number is 1."""
    if not isinstance(declared, dict):
        return [((), {}, declared)]
    if "values" not in declared:
        return [(("value",) if "value" in declared else (), declared.get("labels", {}), declared.get("value", 1))]
    return [
        (
            ("values", index, "value") if "value" in each else ("values", index),
            each.get("labels", {}),
            each.get("value", 1),
        )
        for index, each in enumerate(declared["values"])
    ]


def _label_names(declared: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for _, labels, _ in _list_points(declared) for label in labels))
