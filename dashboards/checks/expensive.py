"""Expressions that Prometheus evaluates at every refresh are cheap; expensive ones are recorded.

Reported are selectors by a pattern of metric names, which read every series, nested subqueries, subqueries of more
than a thousand steps, and windows of hours over many series. A warning: `record:` at the signal, or
`allow: {expensive: REASON}`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core import promql, units
from deckwatch.core.problems import Problem
from deckwatch.dashboards.resolve import cardinality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.resolve.queries import Query

MAX_STEPS = 1000
MAX_SERIES_HOURS = 20_000  # of samples times series, for each point: five million samples where they are 15 s apart
_SUBQUERY = re.compile(r"\[\s*([0-9a-z]+)\s*:\s*([0-9a-z]*)\s*\]")
_DEFAULT_STEP = 60.0  # seconds; Prometheus' evaluation interval by default
_RECORD = "add record: to the signal, and query that"


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield expressions that should be recorded."""
    for item in built:
        for _, queries in item.panels_for_check("expensive"):
            for query in queries:
                for offset, message, hint in _find_faults(query, catalog) if query.is_valid else ():
                    place = query.place_of(offset) if query.signal is None or query.signal.expr else query.place
                    yield Problem(place, message, hint, check="expensive", severity="warning")


def _find_faults(query: Query, catalog: Catalog) -> Iterator[tuple[int, str, str]]:
    source = query.source
    for selector in promql.find_selectors(source):
        by_name = {matcher.op for matcher in selector.matchers if matcher.label == "__name__"}
        is_read_whole = "=" not in by_name and (by_name or not any(matcher.op == "=" for matcher in selector.matchers))
        if selector.metric is None and is_read_whole:
            yield selector.offset, "this selector reads every series to match their names", "name the metric"
        hours = _parse_seconds(selector.window) / 3600
        if hours < 1 or selector.metric is None:
            continue
        estimate = cardinality.estimate_series(source[selector.offset : selector.end], catalog)
        if estimate is not None and hours * estimate[0] > MAX_SERIES_HOURS:
            message = f"about {estimate[0]:,} series of {selector.metric} over {selector.window} at each point"
            yield selector.offset, message, _RECORD
    subqueries = list(_SUBQUERY.finditer(source))
    for subquery in subqueries:
        steps = _parse_seconds(subquery[1]) / (_parse_seconds(subquery[2]) or _DEFAULT_STEP)
        if steps > MAX_STEPS:
            yield subquery.start(), f"a subquery of {steps:,.0f} steps at each point", _RECORD
    for subquery in subqueries:
        if any(_is_nested(source, subquery.start(), other.start()) for other in subqueries if other is not subquery):
            yield subquery.start(), "nested subqueries", _RECORD


def _is_nested(source: str, inner: int, outer: int) -> bool:
    """Return whether the brackets of a subquery are in the operand of another one."""
    if inner > outer:
        return False
    depth = 0
    for position in range(outer - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(source[position], 0)
        if depth <= 0:
            return position < inner
    return False


def _parse_seconds(text: str | None) -> float:
    try:
        return units.parse_duration(text or "")
    except ValueError:
        return 0.0
