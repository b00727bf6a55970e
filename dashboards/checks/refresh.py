"""No dashboard refreshes faster than Grafana permits: 5s, or 1s with `build: {live: true}`.

Grafana refuses to save such a dashboard, and refreshes a provisioned one every 5s. Where `min_refresh_interval` of its
configuration is lower: `allow: {refresh: REASON}` beside `dashboard:`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.grafana_model import MIN_REFRESH, refreshes_too_fast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield dashboards that refresh faster than Grafana's default minimum."""
    minimum = catalog.min_refresh or MIN_REFRESH
    for item in built:
        dashboard = item.dashboard
        in_raw = "refresh" in dashboard.raw
        interval = dashboard.raw["refresh"] if in_raw else dashboard.refresh
        if refreshes_too_fast(interval, minimum) and "refresh" not in dashboard.allow:
            place = dashboard.document.place(("raw", "refresh") if in_raw else ("refresh",))
            message = f"Grafana's shortest refresh interval is {minimum}, not {interval}"
            hint = f"write {minimum}, or build: {{live: true}}, which lowers it to 1s together with the scrape interval"
            yield Problem(place, message, hint, check="refresh")
