"""Every panel has a description, so that nobody on call has to guess what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.model import panel_description

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels without a description, neither of their own nor of their signals or metrics."""
    del catalog
    for item in built:
        for panel, queries in item.panels_for_check("description"):
            complete = len(queries) == len(panel.queries)
            if panel.keyword != "text" and complete and not panel_description(panel, queries):
                hint = "add description:, or about: to the signal"
                yield Problem(panel.place, f"{panel.keyword} has no description", hint, check="description")
