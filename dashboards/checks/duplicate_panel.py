"""No two panels of a dashboard have the same name: the id in links to a panel is made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.panel_ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels and rows with the name of an earlier one, and dashboards with more of them than Grafana supports."""
    del catalog
    for item in built:
        document = item.dashboard.document
        seen: dict[str, int] = {}
        for key, path in item.names():
            if key in seen:
                message = f"duplicate panel {key!r}"
                hint = f"as in line {seen[key]}; give one of them another title, or an id:"
                yield Problem(document.place(path), message, hint, check="duplicate_panel")
            seen.setdefault(key, document.place(path).line)
        if len(seen) > MAX_ID:
            message = f"{len(seen)} panels and rows exceed the limit of {MAX_ID} for a dashboard"
            yield Problem(document.place(item.dashboard.content_path, key=True), message, check="duplicate_panel")
