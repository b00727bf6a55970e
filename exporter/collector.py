"""A collector: a function of the World that yields samples. One file is one collector, its name is the file's name.

LOAD1 = Metric("node_load1", "gauge", "1m load average.")

@collector(LOAD1, peer="node:loadavg")
def collect(world: World) -> Iterator[Sample]:
    yield LOAD1(float(...))
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from deckwatch.core import plugins
from deckwatch.core.catalog import Kind, MetricInfo
from deckwatch.exporter import self_metrics
from deckwatch.exporter.metric import Lines, Metric, Sample
from deckwatch.exporter.world import NoData, Reading, World

__all__ = [
    "Collector",
    "NoData",
    "choose_collectors",
    "collector",
    "list_metrics",
    "load_collectors",
    "matches_name",
    "names_and_prefixes",
]

EVERY_COLLECTOR = "every collector"  # the source of metrics that are told of each of them

V = TypeVar("V")

Samples = Iterable[Sample | Lines]
Collect = Callable[..., Samples | Reading[Samples]]
Subjects = Callable[[World], Mapping[str, Any]]


@dataclass(frozen=True)
class Collector:
    """What a file in `collectors/` declares.

    `peer` names the collector of the exporter it stands in for: "node:cpu" also gives
    `node_scrape_collector_success{collector="cpu"}`. `subjects` makes it run once for each of several things (a
    database server, a probe), side by side and each with its own outcome: `collect(world, subject)`, whose name
    stands in the label `subject_label` of the collector's own metrics. `budget` is the most series it may give.
    """

    name: str
    metrics: tuple[Metric, ...]
    collect: Collect
    help: str
    default: bool
    peer: tuple[str, str] | None
    subjects: Subjects | None
    subject_label: str
    budget: int

    @property
    def reads_from(self) -> str:
        """Which files, views or requests it reads: what its file's docstring says on its first line after ", from "."""
        first = (sys.modules[self.collect.__module__].__doc__ or "").strip().partition("\n")[0]
        return first.partition(", from ")[2].removesuffix(".")


def collector(
    *metrics: Metric,
    default: bool = True,
    peer: str | None = None,
    subjects: Subjects | None = None,
    subject_label: str = "server",
    budget: int = 20_000,
) -> Callable[[Collect], Collector]:
    """Declare the decorated function as the collector of its file; its docstring's first line is its description."""

    def declare_collector(collect: Collect) -> Collector:
        name = collect.__module__.rpartition(".")[2]
        namespace, _, peer_name = (peer or "").partition(":")
        doc = (collect.__doc__ or "").strip().partition("\n")[0]
        pair = (namespace, peer_name) if peer else None
        return Collector(name, metrics, collect, doc, default, pair, subjects, subject_label, budget)

    return declare_collector


def load_collectors() -> dict[str, Collector]:
    """Import every file of `exporter/collectors` and return its collector by name."""
    package = importlib.import_module("deckwatch.exporter.collectors")
    return {name: module.collect for name, module in plugins.import_modules(package)}


def choose_collectors(
    collectors: Mapping[str, Collector],
    switches: Mapping[str, bool] | None = None,
    budgets: Mapping[str, int] | None = None,
) -> dict[str, Collector]:
    """Return the collectors that are on: by default, or by a switch on a name or a prefix (`host`, `host_cpu`).

    `budgets` are the most series of those with these names or prefixes, in place of their own.
    """
    chosen = {}
    for name, one in collectors.items():
        if _most_specific(name, switches or {}, one.default):
            chosen[name] = dataclasses.replace(one, budget=_most_specific(name, budgets or {}, one.budget))
    return chosen


def _most_specific(name: str, by_word: Mapping[str, V], default: V) -> V:
    """Return what is said of a collector: by the longest word that means it."""
    matching = [word for word in by_word if matches_name(name, word)]
    return by_word[max(matching, key=len)] if matching else default


def matches_name(name: str, word: str) -> bool:
    """Return whether `word` names a collector, or a prefix of its name that ends at an underscore."""
    return name == word or name.startswith(word + "_")


def names_and_prefixes(names: Iterable[str]) -> list[str]:
    """Return what `matches` takes for these names: each of them, and their prefixes that end at an underscore."""
    prefixes = {name[:end] for name in names for end in range(1, len(name)) if name[end] == "_"}
    return sorted({*prefixes, *names})


def list_metrics(collectors: Iterable[Collector]) -> Iterator[MetricInfo]:
    """Yield what the collectors declare and what is told of each of them, as all outside the exporter knows it.

    What two of them declare, since each shows it on other systems, is the first one's.
    """
    seen: set[str] = set()
    for one in collectors:
        yield from (_metric_info(metric, one.name) for metric in one.metrics if metric.name not in seen)
        seen.update(metric.name for metric in one.metrics)
    for metric in (
        *self_metrics.COLLECTOR_METRICS,
        *(metric for pair in self_metrics.PEER_METRICS.values() for metric in pair),
    ):
        yield _metric_info(metric, EVERY_COLLECTOR)


def _metric_info(metric: Metric, source: str) -> MetricInfo:
    kind: Kind = metric.kind
    return MetricInfo(
        metric.name, kind, metric.help, metric.labels, metric.unit, source, open_labels=metric.open_labels
    )
