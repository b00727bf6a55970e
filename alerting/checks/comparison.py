"""An alert compares: without a limit its expression would fire for every series that it returns."""

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
    """Yield alerts that compare nothing, and those that compare twice."""
    for alert in context.iter_alerts():
        try:
            parts = condition.split_condition(alert.watched)
        except promql.PromqlError:
            continue  # told by the check of expressions
        compares = any(part.operator for part in parts)
        absent = any(_ABSENT.match(part.left) for part in parts)
        if alert.limit is None and not compares and not absent:
            key = "signal" if alert.reference is not None else "expr"
            message = f"{alert.name} compares with nothing, and would fire for every series"
            yield Problem(alert.place_of(key), message, "say above, below or is", check="comparison")
        if alert.limit is not None and len(parts) == 1 and compares:
            message = f"the expression of {alert.name} compares already"
            yield Problem(alert.place_of("expr"), message, "leave its comparison or the limit out", check="comparison")
