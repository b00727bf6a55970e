"""No two dashboards of a folder have the same title: Grafana would reject both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built

ACROSS = True  # compares dashboards with each other


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield dashboards with the title of another one in the same folder."""
    del catalog
    seen: dict[tuple[str, str], str] = {}
    for item in built:
        folder = item.dashboard.folder
        key = (folder, item.dashboard.title)
        if key in seen:
            place = item.dashboard.document.place(("dashboard",))
            message = f"the folder {folder} already has a dashboard {item.dashboard.title!r}"
            yield Problem(place, message, f"in {seen[key]}", check="duplicate_title")
        seen.setdefault(key, item.dashboard.document.file)
