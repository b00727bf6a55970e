"""No two dashboards of a folder have the same title: Grafana then takes neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield dashboards whose title another one in the same folder has."""
    del catalog
    seen: dict[tuple[str, str], str] = {}
    for one in built:
        folder = one.dashboard.said("folder", "Deckwatch")
        key = (folder, one.dashboard.title)
        if key in seen:
            place = one.dashboard.document.place(("dashboard",))
            message = f"the folder {folder} has a dashboard called {one.dashboard.title!r} already"
            yield Problem(place, message, f"in {seen[key]}", check="duplicate_title")
        seen.setdefault(key, one.dashboard.document.file)
