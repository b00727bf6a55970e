"""Counters are queried as rates or increases, gauges are not: a counter's value only grows while its process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.promql import Selector
    from deckwatch.dashboards.model import Built

_RATES = frozenset(("rate", "irate", "increase"))
# Functions that ignore a counter's value, or handle its resets.
_SAFE = _RATES | {
    "resets",
    "changes",
    "absent",
    "absent_over_time",
    "present_over_time",
    "count",
    "count_over_time",
    "group",
    "timestamp",
}


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield counters without a rate, and rates of gauges."""
    for item in built:
        for _, queries in item.panels_for_check("counter_rate"):
            for query in queries:
                for selector in promql.find_selectors(query.source) if query.is_valid else ():
                    if fault := _find_fault(selector, catalog):
                        # The offset is in the signal's PromQL; for a bare metric the position is its name.
                        offset = selector.offset if query.signal is None or query.signal.expr else 0
                        yield Problem(query.place_of(offset), *fault, check="counter_rate")


def _find_fault(selector: Selector, catalog: Catalog) -> tuple[str, str] | None:
    info = catalog.series(selector.metric) if selector.metric else None
    if info is None:
        return None
    if info.kind == "counter" and selector.function not in _SAFE:
        message = f"{selector.metric} is a counter: its value only grows"
        return message, "use rate() or increase()"
    if info.kind == "gauge" and selector.function in _RATES:
        return f"{selector.function}() of {selector.metric}, which is a gauge", "use delta() or deriv()"
    return None
