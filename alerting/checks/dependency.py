"""A rule and the recordings that it reads belong in one topic: groups are evaluated in parallel, in no order.

Three cases are exempt. An alert on a signal may read what another topic records of it, since signals are shared. A
window, or a recording computed every few minutes, changes little within one evaluation. An expression that reads no
series is constant.
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
    """Yield rules that read a recording of another topic, or one that is evaluated after them."""
    slow = {group.topic for group in context.groups if group.interval}
    for group in context.groups:
        evaluated: set[str] = set()
        for recording in group.recordings:
            if not group.interval:
                yield from _foreign_recordings(recording.expr, group.topic, recording.place_in_expr, context, slow)
            for offset, name in _find_recordings(recording.expr, context):
                if context.recordings[name].topic == group.topic and name not in evaluated:
                    message = f"{name} is recorded after this rule, so its value would be one evaluation old"
                    yield Problem(
                        recording.place_in_expr(offset), message, "move it before this rule", check="dependency"
                    )
            evaluated.add(recording.name)
        for alert in (alert for alert in group.alerts if alert.reference is None):
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
        return False  # reported by the check `expression`


def _find_recordings(text: str, context: Context) -> Iterator[tuple[int, str]]:
    try:
        for selector in promql.find_selectors(text):
            if selector.metric is not None and selector.metric in context.recordings and not selector.window:
                yield selector.offset, selector.metric
    except promql.PromqlError:
        return  # reported by the check `expression`
