"""Metrics from another Prometheus, from the expressions in `watch: promql:`.

The expressions of an entry are evaluated in the background, one after the other; a fault fails this entry alone.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from deckwatch.core import units
from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _measured
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources import json_document
from deckwatch.exporter.sources.instant_query import list_points
from deckwatch.exporter.sources.series_table import SeriesTable, to_number
from deckwatch.exporter.sources.source_failures import QueryTimeout
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import MetricInfo
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.world import Reading, World

DURATION = Metric(
    "deckwatch_promql_duration_seconds", "gauge", "Duration of the newest evaluation of all its expressions.", ("poll",)
)

_INTERVAL = "1m"  # defaults of the configuration
_TIMEOUT = "10s"
_MAX_SERIES = 1000
_BYTES_PER_SERIES = 2048  # of an answer: labels may be long


class PromqlPoll(_measured.Measured):
    """The expressions that one Prometheus evaluates."""

    def __init__(self, world: World, entry: Mapping[str, Any], hosts: frozenset[str]) -> None:
        interval_seconds = units.parse_duration(entry.get("interval", _INTERVAL))
        super().__init__(world, "poll", entry["name"], interval_seconds, entry.get("elsewhere", ""))
        self._entry = entry
        self._hosts = hosts
        self._seconds = units.parse_duration(entry.get("timeout", _TIMEOUT))
        self._max_series: int = entry.get("max_series", _MAX_SERIES)
        fixed = entry.get("static_labels", {})
        self._metrics = [
            (_measured.build_metric(name, each, _label_names(each, fixed), f"the poll {self.name}"), each)
            for name, each in entry["metrics"].items()
        ]

    def read_series(self) -> tuple[SeriesTable, list[Sample]]:
        """Return the series of all expressions, and how long they took; raises SourceFailure and NoData."""
        started = time.monotonic()
        headers = json_document.read_headers(self._entry)
        table = SeriesTable(self._max_series, "series")
        for metric, entry in self._metrics:
            left = started + self._seconds - time.monotonic()
            if left <= 0:
                raise QueryTimeout(f"not all expressions were evaluated within {self._seconds:g} s")
            for labels, value in list_points(self._query_instant(entry["query"], left, headers), metric.name):
                keys = tuple(labels.get(label, "") for label in entry.get("key_labels", ()))
                fixed = tuple({**self._entry.get("static_labels", {}), **entry.get("static_labels", {})}.values())
                table.set_value(metric, (*keys, *fixed), to_number(value, metric.name))
        if not any(table.list_series()):
            raise NoData("the expressions have no values")
        return table, [DURATION(time.monotonic() - started, self.name)]

    def _query_instant(self, expression: str, seconds: float, headers: tuple[tuple[str, str], ...]) -> Any:
        """Return the answer to an instant query; raises SourceFailure."""
        entry = self._entry
        parameters = urlencode({"query": expression, "timeout": f"{seconds:.3f}", "limit": self._max_series + 1})
        request = json_document.Request(
            f"{entry['url'].rstrip('/')}/api/v1/query?{parameters}",
            seconds,
            self._max_series * _BYTES_PER_SERIES,
            headers,
            Path(entry["ca_file"]) if "ca_file" in entry else None,
            self._hosts,
        )
        return json_document.read_document(self._world, request)[0]


class PromqlPolls(_measured.MeasuredEntries):
    """The configured polls; a Source of the World."""

    def __init__(self, world: World) -> None:
        entries = world.config.get("promql") or ()
        hosts = json_document.named_hosts(entries)
        super().__init__(PromqlPoll(world, entry, hosts) for entry in entries)


def configured_polls(world: World) -> Mapping[str, _measured.Measured]:
    """Return the polls by name."""
    return world.source(PromqlPolls).by_name if world.config.get("promql") else {}


@collector(DURATION, subjects=configured_polls, subject_label="poll")
def collect(_world: World, poll: _measured.Measured) -> Reading[list[Sample | Lines]]:
    """Metrics from the expressions in `watch: promql:`, which another Prometheus evaluates."""
    return poll.latest_reading()


def list_declared_metrics(block: list[Mapping[str, Any]]) -> Iterator[MetricInfo]:
    """Yield the metrics of the polls for the catalogue."""
    return _measured.describe_metrics(_list_declarations(block), "app_promql")


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `watch: promql:` that its schema does not cover."""
    block: list[Mapping[str, Any]] = project.data["watch"]["promql"]
    names = [(("watch", "promql", index, "name"), entry["name"]) for index, entry in enumerate(block)]
    yield from _measured.find_duplicate_names(project, names)
    yield from _measured.find_name_problems(project, _list_declarations(block))
    for path, _, entry, _ in _list_declarations(block):
        if fault := _find_syntax_error(entry["query"]):
            yield project.document.problem((*path, "query"), fault)


def _find_syntax_error(expression: str) -> str:
    """Return the syntax error of an expression; '' for none, or where the parser is not installed."""
    try:
        from deckwatch.core import promql  # noqa: PLC0415 - of the extra `generate`, which the exporter does without
    except ModuleNotFoundError:
        return ""
    try:
        promql.check_syntax(expression)
    except ValueError as fault:
        return str(fault)
    return ""


def _list_declarations(block: list[Mapping[str, Any]]) -> Iterator[_measured.Declaration]:
    for index, poll in enumerate(block):
        for name, entry in poll["metrics"].items():
            path = ("watch", "promql", index, "metrics", name)
            yield path, name, entry, _label_names(entry, poll.get("static_labels", {}))


def _label_names(entry: Mapping[str, Any], static_labels: Mapping[str, str]) -> tuple[str, ...]:
    return (*entry.get("key_labels", ()), *{**static_labels, **entry.get("static_labels", {})})
