"""A unit is that of the metric: seconds that are drawn as bytes, or a ratio as a percentage, are off by a factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expression_unit
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield units that are said at a panel, a query or a signal, and that are not those of what is asked for."""
    for one in built:
        for panel, queries in one.examined("unit_of_metric"):
            for query in queries:
                if not query.sound or panel.type.queries == "heatmap":
                    continue
                wanted = expression_unit.contradicting_unit(query.unit, query.source, catalog)
                if not wanted:
                    continue
                if "unit" in query.said:
                    place = panel.document.place((*query.path, "unit"))
                elif "unit" in panel.said:
                    place = panel.document.place((*panel.path, "unit"))
                elif query.signal is not None:
                    place = query.signal.document.place((*query.signal.path, "unit"))
                else:
                    continue
                yield Problem(place, f"{query.unit} of what is {wanted}", f"write unit: {wanted}", "unit_of_metric")
