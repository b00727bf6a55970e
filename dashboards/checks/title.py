"""Every panel except text has a title."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.model import panel_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels without a title: a single signal has one, several need one."""
    del catalog
    for item in built:
        for panel, queries in item.panels_for_check("title"):
            if panel.keyword != "text" and not panel_title(panel, queries) and len(queries) == len(panel.queries):
                hint = "add title:" if len(queries) < 2 else "add title: for all of them"
                yield Problem(panel.place, f"{panel.keyword} has no title", hint, check="title")
