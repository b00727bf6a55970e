"""No two panels of a dashboard have the same name: links to a panel go by a number made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.panel_ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels and rows whose name stands there before, and more of them than Grafana can count."""
    del catalog
    for one in built:
        document = one.dashboard.document
        seen: dict[str, int] = {}
        for key, path in one.named():
            if key in seen:
                message = f"a panel before is called {key!r} too"
                hint = f"line {seen[key]}; give one of them another title, or an id:"
                yield Problem(document.place(path), message, hint, check="duplicate_panel")
            seen.setdefault(key, document.place(path).line)
        if len(seen) > MAX_ID:
            message = f"{len(seen)} panels and rows are more than the {MAX_ID} that a dashboard can have"
            yield Problem(document.place(("rows",), key=True), message, check="duplicate_panel")
