"""A topic has at most twenty rules: Prometheus evaluates the rules of a group sequentially."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.alerting.model import MAX_RULES
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield topics with too many rules."""
    for group in context.groups:
        count = len(group.recordings) + len(group.alerts)
        if count > MAX_RULES:
            message = f"the topic {group.topic} has {count} rules, more than {MAX_RULES}"
            yield Problem(group.documents[-1].place(), message, "split it into two files", check="size")
