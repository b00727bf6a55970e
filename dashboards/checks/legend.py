"""Legends name labels that the result has: any other one is printed as nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards.resolve import legends

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built

_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield labels in a legend that an expression's result cannot have."""
    for one in built:
        for panel, queries in one.examined("legend"):
            for query in queries:
                known = legends.find_result_labels(query.source, catalog)
                for label in _LABEL.findall(query.legend) if known is not None else ():
                    if known is not None and label not in known:
                        hint = did_you_mean(label, sorted(known))
                        message = f"the legend names {label}, which this result does not have"
                        path = (*panel.path, "legend")
                        place = panel.document.place(path) if "legend" in panel.said else query.place
                        yield Problem(place, message, hint, check="legend")
