"""No panel shows a longer time than Prometheus keeps its samples, where `build: {retention: …}` says how long that is.

Such a panel is empty at its beginning. Reported are the ranges of dashboards and panels, and the windows and offsets of
expressions. Where older samples come from elsewhere: `allow: {retention: REASON}`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.dashboards.model import Built

_TIMES = re.compile(r"(?:\[\s*|\boffset\s+)([0-9][0-9a-z]*)")
_YEAR = re.compile(r"(\d+)y")


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield ranges, windows and offsets that are longer than the retention."""
    if not catalog.retention:
        return
    kept = parse_seconds(catalog.retention)
    for item in built:
        dashboard = item.dashboard
        if parse_seconds(dashboard.range) > kept and "retention" not in dashboard.allow:
            yield _report(dashboard.document.place(("range",)), dashboard.range, catalog)
        for panel, queries in item.panels_for_check("retention"):
            shown = str(panel.library_options.get("range", ""))
            if panel.source == "prometheus" and parse_seconds(shown) > kept:
                yield _report(panel.document.place((*panel.path, "range")), shown, catalog)
            for query in queries:
                for match in _TIMES.finditer(query.source) if query.is_valid else ():
                    if parse_seconds(match[1]) > kept:
                        place = query.place_of(match.start(1)) if query.signal is None else query.place
                        yield _report(place, match[1], catalog)


def _report(place: Place, shown: str, catalog: Catalog) -> Problem:
    message = f"{shown} is longer than Prometheus keeps samples, which is {catalog.retention}"
    return Problem(place, message, "raise build: {retention: …}", check="retention", severity="warning")


def parse_seconds(text: str) -> float:
    """Return a duration in seconds, 0 for other texts; a year has 365 days, as in Prometheus."""
    try:
        return units.parse_duration(_YEAR.sub(lambda match: f"{int(match[1]) * 365}d", text))
    except ValueError:
        return 0.0
