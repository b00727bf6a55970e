"""Thresholds and ends of an axis fit the unit of the values, and are in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.core.problems import Problem
from deckwatch.core.signals import misordered_threshold
from deckwatch.dashboards.read.spec import THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.yaml_file import Document, Path
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.read.spec import PanelSpec, QuerySpec

_KEYS = (*THRESHOLDS, "min", "max", "target")


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield percentages, durations and sizes beside a unit that they do not fit."""
    del catalog
    for item in built:
        for panel, queries in item.panels_for_check("quantity"):
            unit = panel.unit or next((query.unit for query in queries if query.unit), "")
            yield from _find_faults(panel.document, panel.path, panel, unit)
            for query in queries:
                yield from _find_faults(panel.document, query.spec.options_path, query.spec, query.unit)


def _find_faults(document: Document, path: Path, spec: PanelSpec | QuerySpec, unit: str) -> Iterator[Problem]:
    values: dict[str, float] = {}
    for key in _KEYS:
        if key in spec.quantities:
            try:
                values[key] = units.parse_quantity(spec.quantities[key], unit)
            except ValueError as error:
                yield Problem(document.place((*path, key)), str(error), check="quantity")
    if fault := misordered_threshold({key: values[key] for key in THRESHOLDS if key in values}, spec.bad or None):
        yield Problem(document.place((*path, fault[0])), fault[1], check="quantity")
