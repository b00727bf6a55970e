"""Thresholds and ends of an axis fit the unit of what they are compared with, and stand in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.core.problems import Problem
from deckwatch.core.signals import misordered_threshold
from deckwatch.dashboards.draw.render import THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.yaml_file import Document, Path
    from deckwatch.dashboards.build import Built

_KEYS = (*THRESHOLDS, "min", "max", "target")


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield percentages, durations and sizes beside a unit that they do not fit."""
    del catalog
    for one in built:
        for panel, queries in one.examined("quantity"):
            unit = panel.said.get("unit") or next((query.unit for query in queries if query.unit), "")
            yield from _faults(panel.document, panel.path, panel.said, unit)
            for query in queries:
                yield from _faults(panel.document, query.path, query.said, query.unit)


def _faults(document: Document, path: Path, said: Mapping[str, Any], unit: str) -> Iterator[Problem]:
    values: dict[str, float] = {}
    for key in _KEYS:
        if key in said:
            try:
                values[key] = units.parse_quantity(said[key], unit)
            except ValueError as error:
                yield Problem(document.place((*path, key)), str(error), check="quantity")
    if found := misordered_threshold({key: values[key] for key in THRESHOLDS if key in values}, said.get("bad")):
        yield Problem(document.place((*path, found[0])), found[1], check="quantity")
