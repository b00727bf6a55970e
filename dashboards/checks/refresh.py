"""No dashboard refreshes faster than Grafana permits: 5s, unless `min_refresh_interval` of its configuration is lower.

Grafana refuses to save such a dashboard, and refreshes a provisioned one every 5s. Where the configuration permits
it: `allow: {refresh: REASON}` beside `dashboard:`.
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
    del catalog
    for item in built:
        dashboard = item.dashboard
        in_raw = "refresh" in dashboard.raw
        interval = dashboard.raw["refresh"] if in_raw else dashboard.refresh
        if refreshes_too_fast(interval) and "refresh" not in dashboard.allow:
            place = dashboard.document.place(("raw", "refresh") if in_raw else ("refresh",))
            message = f"Grafana's shortest refresh interval is {MIN_REFRESH}, not {interval}"
            hint = f"write {MIN_REFRESH}, or allow: {{refresh: REASON}} where min_refresh_interval is lower"
            yield Problem(place, message, hint, check="refresh")
