"""A unit is that of the metric: a limit of an hour in seconds is not one of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expression_unit, promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts and recordings that say another unit than their expression has; a signal's is told there."""
    said = [(one.document, one.path, one.unit, one.expr) for one in context.recordings.values()]
    said += [(one.document, one.path, one.unit, one.watched) for one in context.iter_alerts()]
    for document, path, unit, expr in said:
        if (*path, "unit") not in document.values:
            continue
        try:
            wanted = expression_unit.contradicting_unit(unit, expr, context.catalog)
        except promql.PromqlError:
            continue  # told by the check of expressions
        if wanted:
            place = document.place((*path, "unit"))
            yield Problem(place, f"{unit} of what is {wanted}", f"write unit: {wanted}", check="unit")
