"""Compares the results of queries on two servers that have the same samples: series, and their values at one time."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.core import promql
from deckwatch.core.problems import Unreachable
from deckwatch.provisioning.verify import CONCURRENCY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from deckwatch.provisioning.prometheus import Prometheus
    from deckwatch.provisioning.verify import Query

TOLERANCE = 0.01  # of the larger value
_LAG_SCRAPES = 4  # how long remote write may take
_MIN_LAG_SECONDS = 10.0

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of one query on both servers. `difference` is a sentence, "" where they agree; `reason` explains it.

    `is_fault` means that the other one has no data, or some in addition without a reason; `has_data` that the reference
    has some, and `keeps_name` that the other one does not remove the metric's name, as MetricsQL after functions that
    leave a value's meaning unchanged.
    """

    query: Query
    difference: str = ""
    reason: str = ""
    is_fault: bool = False
    has_data: bool = False
    keeps_name: bool = False

    @property
    def is_unexplained(self) -> bool:
        """Whether the results differ without a known reason."""
        return bool(self.difference) and not self.reason


def compare_servers(
    reference: Prometheus,
    other: Prometheus,
    queries: Sequence[Query],
    external: Mapping[str, str],
    inexact: Mapping[str, str],
) -> list[Comparison]:
    """Return the comparison of each query, evaluated on both at the same time a few scrapes ago; raises Unreachable.

    `external` are the labels that remote write adds to all series of `other`, which may add more itself, such as
    Thanos the tenant; `inexact` as for `compare_results`.
    """
    at = reference.read_time() - max(_MIN_LAG_SECONDS, _LAG_SCRAPES * reference.interval)
    added = {**external, **_find_added_labels(reference.query_at("up", at), other.query_at("up", at))}

    def compare_query(query: Query) -> Comparison:
        expected = _index_values(reference.query_at(query.expr, at))
        try:
            found = _index_values(other.query_at(query.expr, at), added)
        except Unreachable as error:
            return Comparison(query, str(error), is_fault=True, has_data=bool(expected))
        return compare_results(query, expected, found, inexact)

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        return list(threads.map(compare_query, queries))


def compare_results(
    query: Query, expected: dict[Labels, float], found: dict[Labels, float], inexact: Mapping[str, str]
) -> Comparison:
    """Return the comparison of two results; the name of the metric does not count, if series differ without it.

    `inexact` are functions with the reason why their values differ.
    """
    keeps_name = any(map(_has_name, found)) and not any(map(_has_name, expected))
    if keeps_name:
        nameless = {_without_name(labels): value for labels, value in found.items()}
        found = nameless if len(nameless) == len(found) else found
    difference = "" if _is_tie(query.expr, expected, found) else describe_difference(expected, found)
    reason = _find_reason(query.expr, inexact) if difference else ""
    is_fault = bool(expected) if not found else not expected and not reason
    return Comparison(query, difference, reason, is_fault, bool(expected), keeps_name)


def _is_tie(expr: str, expected: dict[Labels, float], found: dict[Labels, float]) -> bool:
    """Return whether the results have the same values, and a function chose among series with equal ones."""
    if len(expected) != len(found) or not any(token.text in ("topk", "bottomk") for token in promql.tokenize(expr)):
        return False
    pairs = zip(sorted(expected.values()), sorted(found.values()), strict=True)
    return all(_relative_difference(first, second) <= TOLERANCE for first, second in pairs)


def _find_reason(expr: str, inexact: Mapping[str, str]) -> str:
    """Return the functions in an expression that explain a difference, each with why; "" without any."""
    functions = dict.fromkeys(selector.function or "" for selector in promql.find_selectors(expr) if selector.window)
    return "; ".join(f"{name}(): {inexact[name]}" for name in functions if name in inexact)


def describe_difference(expected: dict[Labels, float], found: dict[Labels, float]) -> str:
    """Return how two results differ, with an example; "" if they agree within the tolerance."""
    missing, more = expected.keys() - found.keys(), found.keys() - expected.keys()
    parts = []
    for labels, what in ((missing, "lacks"), (more, "has in addition")):
        if labels:
            parts.append(f"{what} {len(labels)} of {len(expected | found)} series, such as {_format_labels(labels)}")
    both = expected.keys() & found.keys()
    far = {labels: _relative_difference(expected[labels], found[labels]) for labels in both}
    worst = max(far, key=lambda labels: far[labels], default=None)
    if worst is not None and far[worst] > TOLERANCE:
        count = sum(value > TOLERANCE for value in far.values())
        example = f"{_format_labels({worst})}: {found[worst]:.6g} instead of {expected[worst]:.6g}"
        parts.append(f"differs in {count} of {len(both)} values, most in {example}")
    return "; ".join(parts)


def _index_values(series: Sequence[dict[str, Any]], without: Mapping[str, str] | None = None) -> dict[Labels, float]:
    """Return values by labels, but for the pairs in `without`; NaN, which MetricsQL leaves out, is no value."""
    ignored = (without or {}).items()
    values = {frozenset(item["metric"].items() - ignored): float(item["value"][1]) for item in series}
    return {labels: value for labels, value in values.items() if not math.isnan(value)}


def _find_added_labels(expected: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the labels that all series of one result have with one value, and none of the other."""
    names = {name for item in expected for name in item["metric"]}
    common = [item["metric"].items() for item in found]
    pairs = set(common[0]).intersection(*common[1:]) if common else set()
    return {name: value for name, value in pairs if name not in names}


def _has_name(labels: Labels) -> bool:
    return any(name == "__name__" for name, _ in labels)


def _without_name(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != "__name__")


def _format_labels(series: Collection[Labels]) -> str:
    labels = min(sorted(one) for one in series)
    return "{" + ", ".join(f"{name}={value}" for name, value in labels) + "}"


def _relative_difference(first: float, second: float) -> float:
    """Return the difference of two values as a share of the larger one; two NaN or two equal infinities agree."""
    if first == second or (math.isnan(first) and math.isnan(second)):
        return 0.0
    if not (math.isfinite(first) and math.isfinite(second)):
        return math.inf
    return abs(first - second) / max(abs(first), abs(second))
