"""Counters are shown as rates or increases, and what can fall is not: a counter's height says only how long it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.promql import Selector
    from deckwatch.dashboards.build import Built

_RATES = frozenset(("rate", "irate", "increase"))
# Functions for which a counter's height does not matter, or which know that it starts anew.
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
    for one in built:
        for _, queries in one.examined("counter_rate"):
            for query in queries:
                for selector in promql.find_selectors(query.source) if query.sound else ():
                    if said := _fault(selector, catalog):
                        # A signal's expression is its own PromQL; of a bare metric the place is its name.
                        offset = selector.offset if query.signal is None or query.signal.expr else 0
                        yield Problem(query.place_of(offset), *said, check="counter_rate")


def _fault(selector: Selector, catalog: Catalog) -> tuple[str, str] | None:
    info = catalog.series(selector.metric) if selector.metric else None
    if info is None:
        return None
    if info.kind == "counter" and selector.function not in _SAFE:
        message = f"{selector.metric} is a counter: its height says only how long it has run"
        return message, "use rate() or increase()"
    if info.kind == "gauge" and selector.function in _RATES:
        return f"{selector.function}() of {selector.metric}, which is a gauge", "use delta() or deriv()"
    return None
