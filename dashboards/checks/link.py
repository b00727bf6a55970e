"""A link leads to a dashboard that exists. One that leads to a shipped set that is left out here is left out too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import sources
from deckwatch.core.place import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashboards.build import Built
    from deckwatch.core.catalog import Catalog


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield links to addresses that no dashboard has, shipped or of the user's own."""
    del catalog
    known = [one.dashboard.uid for one in built] + sources.addresses()
    for one in built:
        for panel, _ in one.examined("link"):
            target = panel.said.get("link")
            if target is not None and target not in known:
                place = panel.document.place((*panel.path, "link"))
                yield Problem(place, f"no dashboard has the address {target}", did_you_mean(target, known), "link")
