"""A rule and the recordings that it reads stand in one topic: groups are evaluated side by side, in no order.

An alert on a signal is free to read what another topic records of it: the signal is one for all. So is whatever
compares with hours or days: of a window, or of what is computed every few minutes, one evaluation is nothing. What
reads no series is always the same, and never old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from deckwatch.alerting.checking import Context
    from deckwatch.core.problems import Place


def check(context: Context) -> Iterator[Problem]:
    """Yield rules that read a recording of another topic, or one that is made behind them."""
    slow = {group.topic for group in context.groups if group.interval}
    for group in context.groups:
        made: set[str] = set()
        for recording in group.recordings:
            if not group.interval:
                yield from _foreign_recordings(recording.expr, group.topic, recording.place_in_expr, context, slow)
            for offset, name in _find_recordings(recording.expr, context):
                if context.recordings[name].topic == group.topic and name not in made:
                    message = f"{name} is recorded behind this, so its value would be one evaluation old"
                    yield Problem(recording.place_in_expr(offset), message, "put it first", check="dependency")
            made.add(recording.name)
        for alert in (one for one in group.alerts if one.reference is None):
            yield from _foreign_recordings(alert.watched, group.topic, alert.place_in_expr, context, slow)


def _foreign_recordings(
    text: str, topic: str, place: Callable[[int], Place], context: Context, slow: Collection[str]
) -> Iterator[Problem]:
    for offset, name in _find_recordings(text, context):
        other = context.recordings[name].topic
        if other not in (topic, *slow) and _reads_series(context.recordings[name].expr):
            message = f"{name} is recorded in the topic {other}, so its value may be one evaluation old"
            yield Problem(place(offset), message, "record it in this file", check="dependency", severity="warning")


def _reads_series(text: str) -> bool:
    try:
        return bool(promql.find_selectors(text))
    except promql.PromqlError:
        return False  # told by the check of expressions


def _find_recordings(text: str, context: Context) -> Iterator[tuple[int, str]]:
    try:
        for selector in promql.find_selectors(text):
            if selector.metric is not None and selector.metric in context.recordings and not selector.window:
                yield selector.offset, selector.metric
    except promql.PromqlError:
        return  # told by the check of expressions
