"""Units match the metric: seconds displayed as bytes, or a ratio as a percentage, are wrong by a factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expression_unit
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield units of a panel, a query or a signal that contradict the metric."""
    for item in built:
        for panel, queries in item.panels_for_check("unit_of_metric"):
            for query in queries:
                if not query.is_valid or panel.type.queries in ("heatmap", "buckets"):
                    continue
                expected = expression_unit.contradicting_unit(query.unit, query.source, catalog)
                if not expected:
                    continue
                if query.spec.unit:
                    place = panel.document.place((*query.spec.options_path, "unit"))
                elif panel.unit:
                    place = panel.document.place((*panel.path, "unit"))
                elif query.signal is not None:
                    place = query.signal.document.place((*query.signal.path, "unit"))
                else:
                    continue
                yield Problem(
                    place,
                    f"the unit is {query.unit}, but the metric is in {expected}",
                    f"write unit: {expected}",
                    "unit_of_metric",
                )
