"""Every panel has a title, but for text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.draw import render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels without a title: a single signal gives its own, several need one."""
    del catalog
    for one in built:
        for panel, queries in one.examined("title"):
            if panel.word != "text" and not render.title(panel, queries) and len(queries) == len(panel.asked()):
                hint = "add title:" if len(queries) < 2 else "add title: for what they show together"
                yield Problem(panel.place, f"{panel.word} has no title", hint, check="title")
