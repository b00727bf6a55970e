"""Every expression is valid PromQL and reads known metrics and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expressions, promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.alerting.checking import Context
    from deckwatch.core.problems import Place


def check(context: Context) -> Iterator[Problem]:
    """Yield syntax errors, unknown metrics and unknown labels; those of a signal at its declaration."""
    for recording in context.recordings.values():
        yield from expressions.expression_problems(
            recording.expr, context.catalog, recording.place_in_expr, in_rule=True
        )
        yield from _variable_problems(recording.expr, recording.place_in_expr)
    for alert in context.iter_alerts():
        yield from expressions.expression_problems(alert.watched, context.catalog, alert.place_in_expr, in_rule=True)
        yield from _variable_problems(alert.watched, alert.place_in_expr)


def _variable_problems(expr: str, place: Callable[[int], Place]) -> Iterator[Problem]:
    """Yield Grafana's variables, which Prometheus does not know."""
    try:
        tokens = promql.tokenize(expr)
    except promql.PromqlError:
        return  # reported with the syntax
    for token in tokens:
        if token.kind == "variable":
            message = f"{token.text} is a variable of Grafana, which rules do not have"
            yield Problem(place(token.offset), message, "use a fixed window such as 5m", check="expression")
