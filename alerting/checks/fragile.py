"""An alert is about series that stay: topk and the like return others at each evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context

_UNSTABLE_FUNCTIONS = frozenset(("topk", "bottomk", "limitk", "limit_ratio"))


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts on a choice of series."""
    for alert in context.iter_alerts():
        try:
            pieces = promql.tokenize(alert.watched)
        except promql.PromqlError:
            continue  # told by the check of expressions
        for token in pieces:
            if token.kind == "name" and token.text.lower() in _UNSTABLE_FUNCTIONS:
                message = f"{token.text} returns other series at each evaluation, so that alerts come and go"
                yield Problem(alert.place_in_expr(token.offset), message, "compare with a limit instead", "fragile")
