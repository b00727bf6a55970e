"""A graph has no more series than a reader can distinguish and a browser can draw: thirty containers, not their CPUs.

Their number is estimated from the labels of the result (`dashboards/resolve/cardinality.py`); `verify` counts the
actual ones. A warning: `top: 10`, a sum, or `allow: {too_many_series: REASON}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.resolve import cardinality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built

MAX_SERIES = {"range": 1000, "instant": 200}


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield graphs and figures with too many series, by estimate."""
    del catalog
    for item in built:
        for panel, queries in item.panels_for_check("too_many_series"):
            limit = MAX_SERIES.get(panel.type.queries)
            if limit is None or panel.top is not None or panel.lowest is not None:
                continue
            resolved = [query for query in queries if query.is_valid and query.labels is not None]
            estimates = [cardinality.count_by_labels(query.labels or (), query.source) for query in resolved]
            total = sum(count for count, _ in estimates)
            if total > limit:
                labels = sorted({label for _, names in estimates for label in names})
                message = f"{panel.keyword} with about {total:,} series, by {', '.join(labels)}"
                hint = "add top: 10, or sum by fewer labels"
                yield Problem(panel.place, message, hint, check="too_many_series", severity="warning")
