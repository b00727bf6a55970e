"""A regular expression is needed: `=~` with a plain word is `=`, and Prometheus anchors every pattern itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.alerting.checking import Context
    from deckwatch.core.problems import Place

_SPECIAL = re.compile(r"[.*+?|()\[\]{}^$\\]")


def check(context: Context) -> Iterator[Problem]:
    """Yield matchers with a needless pattern or anchor."""
    for recording in context.recordings.values():
        yield from _pattern_problems(recording.expr, recording.place_in_expr)
    for alert in context.iter_alerts():
        yield from _pattern_problems(alert.watched, alert.place_in_expr)


def _pattern_problems(text: str, place: Callable[[int], Place]) -> Iterator[Problem]:
    try:
        selectors = promql.find_selectors(text)
    except promql.PromqlError:
        return  # reported by the check `expression`
    matchers = (matcher for selector in selectors for matcher in selector.matchers if matcher.op in ("=~", "!~"))
    for matcher in matchers:
        if not _SPECIAL.search(matcher.value):
            hint = f"write {matcher.label}{'!=' if matcher.op == '!~' else '='}"
            yield Problem(place(matcher.offset), f"{matcher.value!r} is not a pattern", hint, "pattern", "warning")
        elif matcher.value.startswith("^") or (matcher.value.endswith("$") and not matcher.value.endswith("\\$")):
            message = "every pattern is anchored with ^ and $ already"
            yield Problem(place(matcher.offset), message, "remove them", "pattern", "warning")
