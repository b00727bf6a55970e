"""Every expression is valid PromQL and reads known metrics and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context
    from deckwatch.core.problems import Problem


def check(context: Context) -> Iterator[Problem]:
    """Yield syntax errors, unknown metrics and unknown labels; those of a signal at its declaration."""
    for recording in context.recordings.values():
        yield from expressions.expression_problems(recording.expr, context.catalog, recording.place_in_expr)
    for alert in context.iter_alerts():
        yield from expressions.expression_problems(alert.watched, context.catalog, alert.place_in_expr)
