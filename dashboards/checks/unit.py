"""Units are ours or ids of Grafana: an unknown one would be displayed after each number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards import grafana_units

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield unknown units, where they are written: at a panel, a query or a signal."""
    del catalog
    known = [*units.GRAFANA, *grafana_units.load_ids()]
    for item in built:
        for panel, queries in item.panels_for_check("unit"):
            places: dict[Place, str] = {}
            if panel.unit:
                places[panel.document.place((*panel.path, "unit"))] = panel.unit
            for query in queries:
                if query.spec.unit:
                    places[panel.document.place((*query.spec.options_path, "unit"))] = query.spec.unit
                elif not panel.unit and query.signal is not None and query.unit:
                    places[query.signal.document.place((*query.signal.path, "unit"))] = query.unit
            for place, unit in places.items():
                if unit not in known:
                    yield Problem(place, f"unknown unit {unit}", did_you_mean(unit, known), check="unit")
