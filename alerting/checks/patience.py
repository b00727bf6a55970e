"""A single scrape fires no alert: `for` spans at least two scrapes, or the expression has a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context

MIN_SECONDS = 30.0  # two scrapes at the usual interval


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts that a single scrape would make fire."""
    for alert in context.iter_alerts():
        if alert.hold >= MIN_SECONDS:
            continue
        try:
            selectors = promql.find_selectors(alert.watched)
        except promql.PromqlError:
            continue  # reported by the check `expression`
        if alert.hold:
            message = f"`for` of {alert.name} is shorter than two scrapes"
            yield Problem(alert.place_of("for"), message, "at least 30s", check="patience")
        elif selectors and not any(selector.window for selector in selectors):
            message = f"a single scrape would make {alert.name} fire"
            hint = "add `for: 1m`, or use a function with a window such as increase"
            yield Problem(alert.place, message, hint, check="patience")
