"""Every panel says what it means: whoever is on call at night must not have to guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.draw import render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels of which neither themselves nor their signals or metrics say what they mean."""
    del catalog
    for one in built:
        for panel, queries in one.examined("description"):
            complete = len(queries) == len(panel.asked())
            if panel.word != "text" and complete and not render.description(panel, queries):
                hint = "add description:, or about: to the signal"
                yield Problem(panel.place, f"{panel.word} does not say what it means", hint, check="description")
