"""Every window holds as many samples as its function needs: a rate needs at least two scrapes.

A warning, by the project's `scrape_interval` and the longest `interval` of a probe; `allow: {short_window: REASON}` for
what is scraped more often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import rate_windows
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield expressions with a window that is too short."""
    for item in built:
        for _, queries in item.panels_for_check("short_window"):
            for query in queries:
                for offset, message, hint in (
                    rate_windows.find_short_windows(query.source, catalog.find_interval) if query.is_valid else ()
                ):
                    # A signal without an expression uses `$__rate_interval`.
                    if query.signal is None or query.signal.expr:
                        place = query.place_of(offset)
                        yield Problem(place, message, hint, check="short_window", severity="warning")
