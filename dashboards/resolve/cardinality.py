"""Estimates how many series a query returns from the labels of its result, without a Prometheus.

`verify` counts the real ones. The estimate assumes five machines, each with 16 processors, 30 containers and ten
databases. Several labels of one object, such as a container's id and name, count once.
"""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.dashboards.resolve import legends

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.core.catalog import Catalog

_SINGLE_VALUED = frozenset(("job", "cluster", "environment", "__name__", "server"))
# The number of objects of a kind, and the labels that identify one.
_OBJECT_LABELS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (5, ("instance", "host", "node")),
    (30, ("id", "name", "image", "container", "project", "pod", "namespace")),
    (10, ("service", "kind", "probe")),
    (10, ("device", "mountpoint", "fstype", "interface", "disk")),
    (16, ("cpu", "core")),
    (8, ("mode", "state", "status", "code", "type")),
    (10, ("datname", "datid", "database", "slot_name", "usename", "user")),
    (200, ("relname", "relid", "schemaname", "indexrelname", "table", "index")),
    (500, ("queryid", "query", "pid")),
    (10, ("handler", "route", "collector", "method")),
    (100, ("path", "url", "uri")),
    (15, ("le",)),
)
_DEFAULT_SIZE = 2
_LIMITED = re.compile(r"\s*(?:sort(?:_desc)?\s*\(\s*)?(?:topk|bottomk|limitk)\s*\(\s*(\d+)")


def estimate_series(expr: str, catalog: Catalog) -> tuple[int, list[str]] | None:
    """Return the estimated number of series of an expression and the labels that differ; None if unknown."""
    known = legends.find_result_labels(expr, catalog)
    if known is None:
        return None
    metrics = {selector.metric for selector in promql.find_selectors(expr) if selector.metric}
    metric_labels = {label for metric in metrics for label in catalog.labels(metric)}
    # Labels that Prometheus may add to any series, such as service, count only if the expression groups by them.
    grouped = {token.text for token in promql.grouping_labels(expr)}
    return count_by_labels(known & (metric_labels | grouped | {"instance"}), expr)


def count_by_labels(labels: Iterable[str], expr: str) -> tuple[int, list[str]]:
    """Return the same for known labels of the result."""
    count, names = _count_series(frozenset(labels), expr)
    return count, list(names)


@functools.lru_cache(maxsize=4096)  # many panels show the same expression
def _count_series(labels: frozenset[str], expr: str) -> tuple[int, tuple[str, ...]]:
    fixed = _fixed_labels(expr)
    sizes = _label_sizes(sorted(labels - _SINGLE_VALUED - fixed.keys()))
    count = math.prod(size for size, _ in sizes) * math.prod(fixed.values())
    if match := _LIMITED.match(expr):
        count = min(count, int(match[1]))
    return count, tuple(label for _, label in sizes)


def _label_sizes(labels: list[str]) -> list[tuple[int, str]]:
    """Return the labels that count, one for each kind of object, with the number of their values."""
    remaining = list(labels)
    sizes = []
    for size, words in _OBJECT_LABELS:
        matches = [word for word in words if word in remaining]
        if matches:
            sizes.append((size, matches[0]))
        remaining = [label for label in remaining if label not in words]
    # Custom labels of a container follow from its name.
    return sizes + [(_DEFAULT_SIZE, label) for label in remaining if not label.startswith("container_label_")]


def _fixed_labels(expr: str) -> dict[str, int]:
    """Return the labels that every selector of an expression limits to fixed values, and how many values."""
    limits: list[dict[str, int]] = []
    for selector in promql.find_selectors(expr):
        counts = {}
        for matcher in selector.matchers:
            if matcher.op == "=":
                counts[matcher.label] = 1
            elif matcher.op == "=~" and not re.search(r"[.*+?\[$]", matcher.value):
                counts[matcher.label] = matcher.value.count("|") + 1
        limits.append(counts)
    if not limits:
        return {}
    return {label: count for label, count in limits[0].items() if all(label in counts for counts in limits)}
