"""Legends name labels that the result has: any other is displayed as empty."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards.resolve import legends

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built

_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield labels in a legend that an expression's result cannot have."""
    for item in built:
        for panel, queries in item.panels_for_check("legend"):
            for query in queries:
                known = legends.find_result_labels(query.source, catalog)
                for label in _LABEL.findall(query.legend) if known is not None else ():
                    if known is not None and label not in known:
                        hint = did_you_mean(label, sorted(known))
                        message = f"the legend names {label}, which is no label of the result"
                        path = (*panel.path, "legend")
                        place = panel.document.place(path) if panel.legend is not None else query.place
                        yield Problem(place, message, hint, check="legend")
