"""A graph shows as many series as a person can tell apart, and a browser can draw: thirty containers, not their CPUs.

How many there are is estimated from the labels of the result (`dashboards/resolve/cardinality.py`); `verify` counts
the real ones. A warning: `top: 10`, a sum, or `allow: {too_many_series: REASON}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.resolve import cardinality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built

MAX_SERIES = {"range": 1000, "instant": 200}


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield graphs and figures of which an estimate says that nobody could read them."""
    del catalog
    for one in built:
        for panel, queries in one.examined("too_many_series"):
            most = MAX_SERIES.get(panel.type.queries)
            if most is None or "top" in panel.said or "lowest" in panel.said:
                continue
            known = [query for query in queries if query.sound and query.shown is not None]
            found = [cardinality.count_by_labels(query.shown or (), query.source) for query in known]
            total = sum(count for count, _ in found)
            if total > most:
                labels = sorted({label for _, names in found for label in names})
                message = f"{panel.word} of about {total:,} series, by {', '.join(labels)}"
                hint = "add top: 10, or sum by fewer labels"
                yield Problem(panel.place, message, hint, check="too_many_series", severity="warning")
