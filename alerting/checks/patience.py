"""One scrape alone fires nothing: `for` lasts two of them at least, or the expression itself looks back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context

MIN_SECONDS = 30.0  # two scrapes at the usual interval


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts that a single scrape would fire."""
    for alert in context.iter_alerts():
        if alert.hold >= MIN_SECONDS:
            continue
        try:
            read = promql.find_selectors(alert.watched)
        except promql.PromqlError:
            continue  # told by the check of expressions
        if alert.hold:
            message = f"{alert.name} waits for less than two scrapes"
            yield Problem(alert.place_of("for"), message, "30s at least", check="patience")
        elif read and not any(one.window for one in read):
            message = f"a single scrape would fire {alert.name}"
            hint = "add `for: 1m`, or look back with a function such as increase"
            yield Problem(alert.place, message, hint, check="patience")
