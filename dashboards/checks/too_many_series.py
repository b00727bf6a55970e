"""A graph shows as many series as a person can tell apart, and a browser can draw: thirty containers, not their CPUs.

How many there are is estimated from the labels of the result (`dashboards/cardinality.py`); `verify` counts the real
ones. A warning: `top: 10`, a sum, or `allow: {too_many_series: REASON}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import cardinality
from deckwatch.core.place import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashboards.build import Built
    from deckwatch.core.catalog import Catalog

MOST = {"range": 1000, "instant": 200}


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield graphs and figures of which an estimate says that nobody could read them."""
    for one in built:
        for panel, queries in one.examined("too_many_series"):
            most = MOST.get(panel.type.queries)
            if most is None or "top" in panel.said or "lowest" in panel.said:
                continue
            found = [cardinality.estimate(query.source, catalog) for query in queries if query.sound]
            total = sum(count for count, _ in filter(None, found))
            if total > most:
                labels = sorted({label for _, names in filter(None, found) for label in names})
                message = f"{panel.word} of about {total:,} series, by {', '.join(labels)}"
                hint = "add top: 10, or sum by fewer labels"
                yield Problem(panel.place, message, hint, check="too_many_series", severity="warning")
