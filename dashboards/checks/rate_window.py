"""Rates follow the zoom: a fixed window is empty for slow scrapes, and skips points over a long time range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem
from deckwatch.core.signals import RATE_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield rate() and irate() over another window than `$__rate_interval`."""
    del catalog
    for item in built:
        for _, queries in item.panels_for_check("rate_window"):
            for query in queries:
                for selector in promql.find_selectors(query.source) if query.signal is None and query.is_valid else ():
                    if selector.function in ("rate", "irate") and selector.window not in (None, RATE_INTERVAL):
                        message = f"{selector.function}() over a fixed window of {selector.window}"
                        place = query.place_of(selector.offset)
                        yield Problem(place, message, f"use [{RATE_INTERVAL}]", check="rate_window")
