"""The dashboard and the panel that an alert links to exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield links to unknown dashboards and panels."""
    if context.panels is None:
        return
    for alert in context.iter_alerts():
        if not alert.dashboard:
            if alert.panel:
                message = f"{alert.name} names a panel but no dashboard"
                yield Problem(alert.place_of("panel"), message, check="dashboard")
            continue
        titles = context.panels.get(alert.dashboard)
        if titles is None:
            path = (*alert.path, "dashboard")
            place = alert.document.place(path if path in alert.document.values else ("dashboard",))
            hint = did_you_mean(alert.dashboard, list(context.panels))
            yield Problem(place, f"no dashboard is called {alert.dashboard}", hint, check="dashboard")
        elif alert.panel and alert.panel not in titles:
            message = f"the dashboard {alert.dashboard} has no panel {alert.panel}"
            yield Problem(alert.place_of("panel"), message, did_you_mean(alert.panel, list(titles)), check="dashboard")
