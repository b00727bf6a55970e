"""An alert needs stable series: topk and similar functions return different ones at each evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context

_UNSTABLE_FUNCTIONS = frozenset(("topk", "bottomk", "limitk", "limit_ratio"))


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts that use such functions."""
    for alert in context.iter_alerts():
        try:
            tokens = promql.tokenize(alert.watched)
        except promql.PromqlError:
            continue  # reported by the check `expression`
        for token in tokens:
            if token.kind == "name" and token.text.lower() in _UNSTABLE_FUNCTIONS:
                message = f"{token.text} returns different series at each evaluation, so alerts come and go"
                yield Problem(alert.place_in_expr(token.offset), message, "compare with a limit instead", "fragile")
