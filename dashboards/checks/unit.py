"""Units are words of ours, or ids of Grafana's: an unknown one would be printed behind each number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards import grafana_units

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield units that Grafana does not know, where they are said: at a panel, a query or a signal."""
    del catalog
    known = [*units.GRAFANA, *grafana_units.load_ids()]
    for one in built:
        for panel, queries in one.examined("unit"):
            places: dict[Place, str] = {}
            if "unit" in panel.said:
                places[panel.document.place((*panel.path, "unit"))] = panel.said["unit"]
            for query in queries:
                if "unit" in query.said:
                    places[panel.document.place((*query.path, "unit"))] = query.said["unit"]
                elif "unit" not in panel.said and query.signal is not None and query.unit:
                    places[query.signal.document.place((*query.signal.path, "unit"))] = query.unit
            for place, unit in places.items():
                if unit not in known:
                    yield Problem(place, f"unknown unit {unit}", did_you_mean(unit, known), check="unit")
