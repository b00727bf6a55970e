"""A window holds as many figures as its function needs: one that is shorter than two scrapes has no rate, ever.

A warning, by the project's `scrape_interval`; `allow: {short_window: REASON}` for what is scraped more often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import rate_windows
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield expressions with such windows."""
    for one in built:
        for _, queries in one.examined("short_window"):
            for query in queries:
                for offset, message, hint in (
                    rate_windows.find_short_windows(query.source, catalog.interval) if query.sound else ()
                ):
                    # A signal that is no expression has the window of all rates, which follows the zoom.
                    if query.signal is None or query.signal.expr:
                        place = query.place_of(offset)
                        yield Problem(place, message, hint, check="short_window", severity="warning")
