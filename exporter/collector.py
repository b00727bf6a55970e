"""A collector: a function of the World that yields samples. One file is one collector, named like the file.

LOAD1 = Metric("node_load1", "gauge", "1m load average.")

@collector(LOAD1, peer="node:loadavg", needs="proc/loadavg")
def collect(world: World) -> Iterator[Sample]:
    yield LOAD1(float(...))
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
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

EVERY_COLLECTOR = "every collector"  # the source of the metrics about the collectors themselves

V = TypeVar("V")

Samples = Iterable[Sample | Lines]
Collect = Callable[..., Samples | Reading[Samples] | Coroutine[Any, Any, Samples]]
Subjects = Callable[[World], Mapping[str, Any]]


@dataclass(frozen=True)
class Collector:
    """The declaration of a file in `collectors/`.

    `peer` names the collector of the exporter it replaces: "node:cpu" also yields
    `node_scrape_collector_success{collector="cpu"}`. `subjects` makes it run once per subject (a database server, a
    probe), in parallel and each with its own outcome: `collect(world, subject)`; the subject's name is the label
    `subject_label` of the metrics about the collector. If `collect` is a coroutine function, it runs on the World's
    EventLoop beside all others, without a thread of its own, and must not block. `budget` is the maximum number of
    series.

    `needs` is the path, below proc, sys or root, without which a host collector has nothing to watch; empty where it
    reads no file. `files` are patterns of the other files that it reads, so that a machine can be captured for tests.
    `free_text` marks files whose content cannot be malformed: names, or text that people write.
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
    needs: str | None = None
    files: tuple[str, ...] = ()
    free_text: bool = False

    @functools.cached_property
    def has_states(self) -> bool:
        """Whether some of its metrics hold a state, which is kept while its source cannot be read."""
        return any(metric.state for metric in self.metrics)

    @functools.cached_property
    def is_coroutine(self) -> bool:
        """Whether it runs on the World's EventLoop."""
        return inspect.iscoroutinefunction(self.collect)

    @property
    def reads_from(self) -> str:
        """The files, views or requests that it reads: the first line of its file's docstring, after ", from "."""
        first = (sys.modules[self.collect.__module__].__doc__ or "").strip().partition("\n")[0]
        return first.partition(", from ")[2].removesuffix(".")


def collector(
    *metrics: Metric,
    default: bool = True,
    peer: str | None = None,
    subjects: Subjects | None = None,
    subject_label: str = "server",
    budget: int = 20_000,
    needs: str | None = None,
    files: tuple[str, ...] = (),
    free_text: bool = False,
) -> Callable[[Collect], Collector]:
    """Declare the decorated function as the collector of its file; its docstring's first line is its description."""

    def declare_collector(collect: Collect) -> Collector:
        namespace, _, peer_name = (peer or "").partition(":")
        return Collector(
            name=collect.__module__.rpartition(".")[2],
            metrics=metrics,
            collect=collect,
            help=(collect.__doc__ or "").strip().partition("\n")[0],
            default=default,
            peer=(namespace, peer_name) if peer else None,
            subjects=subjects,
            subject_label=subject_label,
            budget=budget,
            needs=needs,
            files=files,
            free_text=free_text,
        )

    return declare_collector


def load_collectors() -> dict[str, Collector]:
    """Import every file of `exporter/collectors` and return its collector by name.

    Raises TypeError for files that declare none.
    """
    package = importlib.import_module("deckwatch.exporter.collectors")
    declared = {name: getattr(module, "collect", None) for name, module in plugins.import_modules(package)}
    missing = [f"exporter/collectors/{name}.py" for name, value in declared.items() if not isinstance(value, Collector)]
    if missing:
        raise TypeError(f"no collector in {', '.join(missing)}: write @collector(METRIC, …) above def collect(world)")
    return {name: value for name, value in declared.items() if isinstance(value, Collector)}


def choose_collectors(
    collectors: Mapping[str, Collector],
    switches: Mapping[str, bool] | None = None,
    budgets: Mapping[str, int] | None = None,
) -> dict[str, Collector]:
    """Return the enabled collectors: by default, or by a switch for a name or a prefix (`host`, `host_cpu`).

    `budgets` replace the maximum number of series of collectors with these names or prefixes.
    """
    chosen = {}
    for name, declared in collectors.items():
        if _most_specific(name, switches or {}, declared.default):
            budget = _most_specific(name, budgets or {}, declared.budget)
            chosen[name] = dataclasses.replace(declared, budget=budget)
    return chosen


def _most_specific(name: str, by_word: Mapping[str, V], default: V) -> V:
    """Return the value of the longest word that matches a collector's name."""
    matching = [word for word in by_word if matches_name(name, word)]
    return by_word[max(matching, key=len)] if matching else default


def matches_name(name: str, word: str) -> bool:
    """Return whether `word` is a collector's name, or a prefix of it that ends before an underscore."""
    return name == word or name.startswith(word + "_")


def names_and_prefixes(names: Iterable[str]) -> list[str]:
    """Return every word that `matches_name` accepts for one of these names."""
    prefixes = {name[:end] for name in names for end in range(1, len(name)) if name[end] == "_"}
    return sorted({*prefixes, *names})


def list_metrics(collectors: Iterable[Collector]) -> Iterator[MetricInfo]:
    """Yield the metrics that collectors declare, and those about the collectors themselves.

    A metric declared by two collectors, for different systems, is attributed to the first.
    """
    seen: set[str] = set()
    for declared in collectors:
        yield from (_metric_info(metric, declared.name) for metric in declared.metrics if metric.name not in seen)
        seen.update(metric.name for metric in declared.metrics)
    for metric in self_metrics.ALL:
        yield _metric_info(metric, EVERY_COLLECTOR)


def _metric_info(metric: Metric, source: str) -> MetricInfo:
    kind: Kind = metric.kind
    return MetricInfo(
        metric.name, kind, metric.help, metric.labels, metric.unit, source, open_labels=metric.open_labels
    )
