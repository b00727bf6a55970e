"""A window holds as many figures as its function needs: an alert on a rate over less than two scrapes never fires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql, rate_windows
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts and recordings with such windows, as warnings."""
    said = [(one.expr, one.place_in_expr) for one in context.recordings.values()]
    said += [(one.watched, one.place_in_expr) for one in context.iter_alerts()]
    for expr, place in said:
        try:
            found = list(rate_windows.find_short_windows(expr, context.catalog.interval))
        except promql.PromqlError:
            continue  # told by the check of expressions
        for offset, message, hint in found:
            yield Problem(place(offset), message, hint, check="short_window", severity="warning")
