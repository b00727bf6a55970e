"""The catalogue of known metrics, with kind, unit and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deckwatch.core.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Kind = Literal["counter", "gauge", "histogram", "summary", "untyped"]

_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric's declaration: enough to draw it, record it and alert on it."""

    name: str
    kind: Kind
    help: str = ""
    labels: tuple[str, ...] = ()
    unit: str = ""
    source: str = ""  # a collector's id, `recording`, `project`, or the program that exposes it
    open_labels: bool = False  # more labels may appear than declared (text files, label allow-lists)


DEFAULT_SCRAPE_SECONDS = 15.0  # unless the project sets another interval


class Catalog:
    """Metrics by name; a histogram is also found by the names of its series.

    `targets` are the versions of the programs that query them, `interval` is the scrape interval in seconds.
    """

    def __init__(self, metrics: Iterable[MetricInfo] = (), targets: Targets | None = None) -> None:
        self.targets = targets or Targets()
        self.interval = DEFAULT_SCRAPE_SECONDS
        self.retention = ""  # how long Prometheus keeps samples, such as 90d; '' if the project does not say
        self.min_refresh = ""  # Grafana's shortest refresh interval; '' for its default
        self.intervals: dict[str, float] = {}  # of metrics that are scraped more rarely
        self.labels_by_expression: dict[str, frozenset[str] | None] = {}  # a cache of `expression_labels`
        self.units_by_expression: dict[str, str | None] = {}  # a cache of `expression_unit`
        self._labels: dict[str, frozenset[str]] = {}  # a cache of `labels`
        self._metrics: dict[str, MetricInfo] = {}
        self._series: dict[str, MetricInfo] = {}
        self.add(metrics)

    def add(self, metrics: Iterable[MetricInfo]) -> None:
        """Add metrics; an existing one is not replaced."""
        for cache in (self.labels_by_expression, self.units_by_expression, self._labels):
            cache.clear()
        for metric in metrics:
            if metric.name in self._metrics:
                continue
            self._metrics[metric.name] = metric
            for part in _PARTS.get(metric.kind, ("",)):
                self._series.setdefault(metric.name + part, metric)
            if metric.kind == "summary":
                self._series.setdefault(metric.name, metric)

    def __iter__(self) -> Iterator[MetricInfo]:
        return iter(sorted(self._metrics.values(), key=lambda metric: metric.name))

    def __len__(self) -> int:
        return len(self._metrics)

    def __contains__(self, name: str) -> bool:
        return name in self._metrics

    def find_interval(self, name: str | None) -> float:
        """Return the longest scrape interval of a metric, in seconds."""
        return max(self.interval, self.intervals.get(name or "", 0.0))

    def get(self, name: str) -> MetricInfo | None:
        """Return a declared metric by its own name (for a histogram: without `_bucket`)."""
        return self._metrics.get(name)

    def series(self, name: str) -> MetricInfo | None:
        """Return the metric that a series of this name belongs to (`x_bucket` belongs to the histogram `x`)."""
        return self._series.get(name)

    def names(self) -> list[str]:
        """Return the names of all series."""
        return list(self._series)

    def labels(self, name: str) -> frozenset[str]:
        """Return the declared labels of a series of this name; empty for an unknown name."""
        if name not in self._labels:
            self._labels[name] = self._find_labels(name)
        return self._labels[name]

    def _find_labels(self, name: str) -> frozenset[str]:
        metric = self._series.get(name)
        if metric is None:
            return frozenset()
        extra = {"le"} if metric.kind == "histogram" and name.endswith("_bucket") else set()
        extra |= {"quantile"} if metric.kind == "summary" and name == metric.name else set()
        return frozenset(metric.labels) | extra
