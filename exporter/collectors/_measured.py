"""Sources that users configure, whose metrics they declare: read in the background, rendered once for all scrapes."""

from __future__ import annotations

import abc
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from deckwatch.core.catalog import MetricInfo
from deckwatch.core.contract import load_contract
from deckwatch.core.problems import did_you_mean
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.background import Background
from deckwatch.exporter.sources.source_failures import DuplicateLabels
from deckwatch.exporter.world import Reading, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.sources.series_table import SeriesTable
    from deckwatch.exporter.world import World

Path = tuple[str | int, ...]
Declaration = tuple[Path, str, "Mapping[str, Any]", tuple[str, ...]]  # path, name, entry, label names

_FIRST_SECONDS = 1.0  # how long the first scrape waits for a first reading


class Measured(abc.ABC):
    """A configured reading, repeated every `seconds`; a subject of its collector.

    `what` is what messages and the log call it, and `elsewhere` says which other host reads it.
    """

    def __init__(self, world: World, what: str, name: str, seconds: float, elsewhere: str = "") -> None:
        self.name = name
        self.elsewhere = elsewhere
        self._world = world
        self._title = f"the {what} {name}"
        self._readings: Background[list[Sample | Lines]] = Background(
            world, self._title, self._read_and_render, seconds=seconds, first_seconds=min(seconds, _FIRST_SECONDS)
        )

    def latest_reading(self) -> Reading[list[Sample | Lines]]:
        """Return the newest lines; raises as Background.latest_reading does."""
        return self._readings.latest_reading()

    def close(self) -> None:
        """End the readings."""
        self._readings.close()

    @abc.abstractmethod
    def read_series(self) -> tuple[SeriesTable, list[Sample]]:
        """Return the series, and samples about the reading itself; raises SourceFailure and NoData."""

    def _read_and_render(self) -> list[Sample | Lines]:
        table, about = self.read_series()
        self._world.source(SeriesOwners).claim(self._title, table)
        return [*about, *table.render_lines()]


class MeasuredEntries(Source):
    """The configured readings of one kind by name; a Source of the World."""

    def __init__(self, readings: Iterable[Measured]) -> None:
        self.by_name = {reading.name: reading for reading in readings}

    def close(self) -> None:
        """End the readings."""
        for reading in self.by_name.values():
            reading.close()


class SeriesOwners(Source):
    """Which reading has which series, so that no two have the same: Prometheus would keep one of them at random."""

    def __init__(self, _world: World) -> None:
        self._owned: dict[str, dict[str, set[frozenset[tuple[str, str]]]]] = {}  # by owner and metric
        self._lock = threading.Lock()

    def claim(self, owner: str, table: SeriesTable) -> None:
        """Make the series of a reading its owner's; raises DuplicateLabels for one that another reading has."""
        claimed: dict[str, set[frozenset[tuple[str, str]]]] = defaultdict(set)
        for name, labels in table.list_series():
            claimed[name].add(labels)
        with self._lock:
            for other, owned in self._owned.items():
                for name in owned.keys() & claimed.keys() if other != owner else ():
                    if common := owned[name] & claimed[name]:
                        pairs = ", ".join(f'{label}="{value}"' for label, value in sorted(min(common, key=sorted)))
                        raise DuplicateLabels(f"{other} has the series {name}{{{pairs}}} too")
            self._owned[owner] = claimed


def build_metric(name: str, entry: Mapping[str, Any], labels: tuple[str, ...], what: str) -> Metric:
    """Return the metric that a user declares; without a help text it gets one that says where it is from."""
    help_text = entry.get("help") or f"From {what}."
    return Metric(name, entry.get("kind", "gauge"), help_text, labels, unit=entry.get("unit", ""))


def describe_metrics(declarations: Iterable[Declaration], source: str) -> Iterator[MetricInfo]:
    """Yield declared metrics for the catalogue; `source` is the collector."""
    for _, name, entry, labels in declarations:
        metric = build_metric(name, entry, labels, "")
        yield MetricInfo(name, metric.kind, entry.get("help", ""), labels, metric.unit, source)


def find_name_problems(project: Project, declarations: Iterable[Declaration]) -> Iterator[Problem]:
    """Yield a problem for each metric with a name of an exporter's, another kind than elsewhere, or clashing labels.

    Names of applications (`http_requests_total`, `app_errors_total`) may be filled from any source.
    """
    from deckwatch.exporter.collector import list_metrics, load_collectors  # noqa: PLC0415 - imports all collectors

    own = {info.name: info.kind for info in list_metrics(load_collectors().values())}
    reserved = (load_contract()["own_prefix"], *load_contract()["peer_prefixes"])
    declared: dict[str, tuple[str, frozenset[str]]] = {}
    for path, name, entry, labels in declarations:
        problem = project.document.problem
        if name.startswith(reserved) and (name in own or name.startswith(reserved[0])):
            yield problem(
                path, f"{name} is a name that Deckwatch itself uses", "begin it with the application's", key=True
            )
        elif own.get(name, entry.get("kind", "gauge")) != entry.get("kind", "gauge"):
            yield problem(path, f"{name} is a {own[name]} wherever Deckwatch has it", key=True)
        repeated = [label for index, label in enumerate(labels) if label in labels[:index]]
        if repeated:
            yield problem(path, f"the label {repeated[0]} is set twice", key=True)
        shape = (entry.get("kind", "gauge"), frozenset(labels))
        first = declared.setdefault(name, shape)
        if first != shape:
            yield problem(path, f"{name} is declared with another kind or other labels above", key=True)


def find_duplicate_names(project: Project, names: Iterable[tuple[Path, str]]) -> Iterator[Problem]:
    """Yield a problem for each name that an entry before it has."""
    seen: set[str] = set()
    for path, name in names:
        if name in seen:
            yield project.document.problem(path, f"duplicate name {name!r}")
        seen.add(name)


def find_unknown_name(project: Project, path: Path, name: str, known: Iterable[str], what: str) -> Iterator[Problem]:
    """Yield a problem for a name that is not among the known ones."""
    known = list(known)
    if name not in known:
        yield project.document.problem(path, f"unknown {what} {name!r}", did_you_mean(name, known))
