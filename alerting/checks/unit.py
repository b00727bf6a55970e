"""A declared unit is that of the expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expression_unit, promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts and recordings whose unit contradicts their expression; those of a signal at its declaration."""
    rules = [(rule.document, rule.path, rule.unit, rule.expr) for rule in context.recordings.values()]
    rules += [(alert.document, alert.path, alert.unit, alert.watched) for alert in context.iter_alerts()]
    for document, path, unit, expr in rules:
        if (*path, "unit") not in document.values:
            continue
        try:
            wanted = expression_unit.contradicting_unit(unit, expr, context.catalog)
        except promql.PromqlError:
            continue  # reported by the check `expression`
        if wanted:
            place = document.place((*path, "unit"))
            yield Problem(place, f"the unit is {wanted}, not {unit}", f"write unit: {wanted}", check="unit")
