"""Metrics from JSON documents over HTTP, from the URLs in `watch: json:`.

A document is read in the background, on a thread and at an interval of its own. Whatever is wrong with it fails this
document alone.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import extras, units
from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _measured
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources import json_document
from deckwatch.exporter.sources.series_table import SeriesTable, to_label, to_number
from deckwatch.exporter.sources.source_failures import NotANumber, PathNotFound
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import MetricInfo
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.world import Reading, World

SIZE = Metric("deckwatch_json_document_bytes", "gauge", "Size of the newest document.", ("document",))

_INTERVAL = "30s"  # defaults of the configuration
_TIMEOUT = "5s"
_MAX_BYTES = 1 << 20
_MAX_SERIES = 1000
_ITSELF = "@"  # in JMESPath


class JsonMetric:
    """A metric of a document: where its items are, and in each of them the labels and values."""

    def __init__(self, name: str, entry: Mapping[str, Any], static_labels: Mapping[str, str], document: str) -> None:
        import jmespath  # noqa: PLC0415 - only where a document is configured

        compiled = {label: jmespath.compile(expression) for label, expression in entry.get("labels", {}).items()}
        values = entry.get("values") or {"": entry.get("value", _ITSELF)}
        self._each = jmespath.compile(entry["each"]) if "each" in entry else None
        self._labels = compiled
        self._values = {word: jmespath.compile(expression) for word, expression in values.items()}
        self._has_key = "key_label" in entry
        self._has_word = "value_label" in entry
        self._is_time = entry.get("format") == "time"
        fixed = {**static_labels, **entry.get("static_labels", {})}
        self._fixed = tuple(fixed.values())
        self.metric = _measured.build_metric(
            name, entry, _label_names(entry, static_labels), f"the document {document}"
        )

    def add_items(self, table: SeriesTable, document: Any) -> None:
        """Add the series of a document; raises SourceFailure."""
        for key, item in self._list_items(document):
            where = f"{self.metric.name}: " if key is None else f"{self.metric.name}, item {key}: "
            labels = [] if not self._has_key else [to_label(key, where)]
            labels += [
                to_label(json_document.find_value(expression, item), where + label)
                for label, expression in self._labels.items()
            ]
            for word, expression in self._values.items():
                found = json_document.find_value(expression, item)
                value = self._to_number(found, where + expression.expression)
                table.set_value(self.metric, (*labels, *((word,) if self._has_word else ()), *self._fixed), value)

    def _list_items(self, document: Any) -> Iterator[tuple[str | int | None, Any]]:
        if self._each is None:
            yield None, document
            return
        items = json_document.find_value(self._each, document)
        if isinstance(items, dict):
            yield from items.items()
        elif isinstance(items, list) and not self._has_key:
            yield from enumerate(items)
        else:
            expected = "a mapping, for key_label" if self._has_key else "a list or a mapping"
            found = "nothing" if items is None else type(items).__name__
            raise PathNotFound(
                f"{self.metric.name}: each is {self._each.expression}, which finds {found}; expected {expected}"
            )

    def _to_number(self, value: object, where: str) -> float:
        if not self._is_time or not isinstance(value, str):
            return to_number(value, where)
        try:
            return to_number(dt.datetime.fromisoformat(value), where)
        except ValueError:
            raise NotANumber(f"{where} is not a time such as 2026-01-31T12:00:00Z") from None


class JsonDocument(_measured.Measured):
    """A document."""

    def __init__(self, world: World, entry: Mapping[str, Any], hosts: frozenset[str]) -> None:
        seconds = units.parse_duration(entry.get("interval", _INTERVAL))
        super().__init__(world, "document", entry["name"], seconds, entry.get("elsewhere", ""))
        self._entry = entry
        self._hosts = hosts
        self._max_series: int = entry.get("max_series", _MAX_SERIES)
        static_labels = entry.get("static_labels", {})
        self._metrics = [JsonMetric(name, each, static_labels, self.name) for name, each in entry["metrics"].items()]

    def read_series(self) -> tuple[SeriesTable, list[Sample]]:
        """Return the series of the document, and its size; raises SourceFailure and NoData."""
        entry = self._entry
        document, size = json_document.read_document(
            self._world,
            json_document.Request(
                entry["url"],
                units.parse_duration(entry.get("timeout", _TIMEOUT)),
                entry.get("max_bytes", _MAX_BYTES),
                json_document.read_headers(entry),
                Path(entry["ca_file"]) if "ca_file" in entry else None,
                self._hosts,
            ),
        )
        table = SeriesTable(self._max_series, "items")
        for each in self._metrics:
            each.add_items(table, document)
        if not any(table.list_series()):
            raise NoData("the document has no items")
        return table, [SIZE(size, self.name)]


class JsonDocuments(_measured.MeasuredEntries):
    """The configured documents; a Source of the World."""

    def __init__(self, world: World) -> None:
        entries = world.config.get("json") or ()
        hosts = json_document.named_hosts(entries)
        super().__init__(JsonDocument(world, entry, hosts) for entry in entries)


def configured_documents(world: World) -> Mapping[str, _measured.Measured]:
    """Return the documents by name."""
    return world.source(JsonDocuments).by_name if world.config.get("json") else {}


@collector(SIZE, subjects=configured_documents, subject_label="document")
def collect(_world: World, document: _measured.Measured) -> Reading[list[Sample | Lines]]:
    """Metrics from the documents in `watch: json:`."""
    return document.latest_reading()


def require_packages(_block: list[Mapping[str, Any]]) -> None:
    """Raise DeckwatchError if the package that a document needs is not installed."""
    extras.require_module("jmespath", "watch: json: is configured")


def list_declared_metrics(block: list[Mapping[str, Any]]) -> Iterator[MetricInfo]:
    """Yield the metrics of the documents for the catalogue."""
    return _measured.describe_metrics(_list_declarations(block), "app_json")


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `watch: json:` that its schema does not cover."""
    block: list[Mapping[str, Any]] = project.data["watch"]["json"]
    names = [(("watch", "json", index, "name"), entry["name"]) for index, entry in enumerate(block)]
    yield from _measured.find_duplicate_names(project, names)
    yield from _measured.find_name_problems(project, _list_declarations(block))
    for path, _, entry, _ in _list_declarations(block):
        for key, expression in _list_expressions(entry):
            if fault := _find_syntax_error(expression):
                yield project.document.problem((*path, *key), f"not an expression of JMESPath: {fault}")


def _list_expressions(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the expressions of a metric with their paths below it."""
    for key in ("each", "value"):
        if key in entry:
            yield (key,), entry[key]
    for key in ("labels", "values"):
        for word, expression in entry.get(key, {}).items():
            yield (key, word), expression


def _find_syntax_error(expression: str) -> str:
    """Return the syntax error of a JMESPath expression; '' for none, or where jmespath is not installed."""
    try:
        import jmespath  # noqa: PLC0415 - only where a document is configured
    except ModuleNotFoundError:  # reported where it is needed
        return ""
    try:
        jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as fault:
        return str(fault).partition("\n")[0]
    return ""


def _list_declarations(block: list[Mapping[str, Any]]) -> Iterator[_measured.Declaration]:
    for index, document in enumerate(block):
        for name, entry in document["metrics"].items():
            path = ("watch", "json", index, "metrics", name)
            yield path, name, entry, _label_names(entry, document.get("static_labels", {}))


def _label_names(entry: Mapping[str, Any], static_labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of a metric's labels: of its key, from the items, of its values, and the fixed ones."""
    own = [entry[key] for key in ("key_label",) if key in entry]
    word = [entry[key] for key in ("value_label",) if key in entry]
    return (*own, *entry.get("labels", {}), *word, *{**static_labels, **entry.get("static_labels", {})})
