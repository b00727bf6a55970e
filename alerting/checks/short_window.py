"""A window spans as many scrapes as its function needs: a rate over fewer than two scrapes has no value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql, rate_windows
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts and recordings with such windows, as warnings."""
    rules = [(recording.expr, recording.place_in_expr) for recording in context.recordings.values()]
    rules += [(alert.watched, alert.place_in_expr) for alert in context.iter_alerts()]
    for expr, place in rules:
        try:
            windows = list(rate_windows.find_short_windows(expr, lambda _: context.catalog.interval))
        except promql.PromqlError:
            continue  # reported by the check `expression`
        for offset, message, hint in windows:
            yield Problem(place(offset), message, hint, check="short_window", severity="warning")
