"""Alerts chosen by name: of an alert, a topic, a dashboard or an objective."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.alerting.objectives import TOPIC as OBJECTIVES_TOPIC
from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from deckwatch.alerting.model import Alert, Group


def select_alerts(groups: Sequence[Group], names: Collection[str], objectives: Collection[str]) -> list[Group]:
    """Return the groups with only the alerts that one of the names means, without groups that have none left.

    A name is that of an alert, a topic, the dashboard that alerts open, or one of `objectives`, whose alerts are common
    to all. Raises DeckwatchError for a name that means none.
    """
    alerts = [alert for group in groups for alert in group.alerts]
    known = {name for alert in alerts for name in _alert_names(alert, objectives)}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, sorted(known))
            raise DeckwatchError(add_hint(f"no alert, topic, dashboard or objective is called {name}", hint))
    chosen = {alert.name for alert in alerts if not _alert_names(alert, objectives).isdisjoint(names)}
    parts = (replace(group, alerts=tuple(one for one in group.alerts if one.name in chosen)) for group in groups)
    return [group for group in parts if group.alerts]


def _alert_names(alert: Alert, objectives: Collection[str]) -> set[str]:
    """Return all names that mean an alert."""
    names = {alert.name, alert.topic, *(objectives if alert.topic == OBJECTIVES_TOPIC else ())}
    return names | ({alert.dashboard} if alert.dashboard else set())
