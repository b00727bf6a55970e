"""An alert needs a comparison or a limit, or it fires for every series that its expression returns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.alerting import condition
from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context

_ABSENT = re.compile(r"absent(_over_time)?\s*\(")


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts without a comparison, and alerts with both a comparison and a limit."""
    for alert in context.iter_alerts():
        try:
            parts = condition.split_condition(alert.watched)
        except promql.PromqlError:
            continue  # reported by the check `expression`
        compares = any(part.operator for part in parts)
        absent = any(_ABSENT.match(part.left) for part in parts)
        if alert.limit is None and not compares and not absent:
            key = "signal" if alert.reference is not None else "expr"
            message = f"{alert.name} has no comparison and would fire for every series"
            yield Problem(alert.place_of(key), message, "add above, below or is", check="comparison")
        if alert.limit is not None and len(parts) == 1 and compares:
            message = f"the expression of {alert.name} already contains a comparison"
            yield Problem(alert.place_of("expr"), message, "remove the comparison or the limit", check="comparison")
