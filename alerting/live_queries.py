"""The queries that `verify` sends to a live Prometheus for each rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deckwatch.alerting import condition, render_rules
from deckwatch.core import promql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.alerting.checking import Context
    from deckwatch.alerting.model import Alert, Group
    from deckwatch.core.problems import Place


_ABSENCE = frozenset(("absent", "absent_over_time"))
_OPTIONAL_PREFIX = "container_label_"  # users choose which containers have these labels


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """An instant query.

    `kind` is `recording`, `side` for one side of a comparison in an alert, or `alert` for its whole expression, which
    only has to parse. `empty` is the reason why the result may be empty, '' if it must not be. The rule applies only
    where the metrics of `needs` exist; some series of the result must have all `labels`. Without those in `reads` an
    empty result says nothing.
    """

    topic: str
    kind: Literal["recording", "side", "alert"]
    name: str
    expr: str
    place: Place
    empty: str = ""
    needs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


def build_queries(groups: Sequence[Group], context: Context) -> Iterator[LiveQuery]:
    """Yield the queries of all topics: the recordings of each, then the sides and the condition of each alert."""
    for group in groups:
        for recording in group.recordings:
            empty = recording.empty or _interval_reason(group)
            yield LiveQuery(
                group.topic, "recording", recording.name, recording.expr, recording.place, empty, recording.needs
            )
        for alert in group.alerts:
            yield from _side_queries(alert, context)
            expr = render_rules.alert_expression(alert)
            reason = "it does not fire"
            yield LiveQuery(alert.topic, "alert", alert.name, expr, alert.place, reason, alert.needs)


def _interval_reason(group: Group) -> str:
    """Return why recordings of a group with its own interval may have no data yet, '' without one."""
    return f"it is computed every {group.interval}" if group.interval else ""


def _side_queries(alert: Alert, context: Context) -> Iterator[LiveQuery]:
    """Yield a query for each side of each comparison that reads a metric, without repeats."""
    seen: set[str] = set()
    for part in condition.split_condition(render_rules.alert_expression(alert)):
        for expr in (part.left, part.right):
            if not expr or expr in seen or not promql.find_selectors(expr):
                continue
            seen.add(expr)
            empty = alert.empty or _empty_reason(expr, part.joined, context)
            # The sides may have different labels; those of the alert come from the first.
            required = (label for label in alert.each if not label.startswith(_OPTIONAL_PREFIX))
            labels = tuple(required) if len(seen) == 1 else ()
            yield LiveQuery(alert.topic, "side", alert.name, expr, alert.place, empty, alert.needs, labels)


def _empty_reason(expr: str, joined: str, context: Context) -> str:
    """Return why a side may have no data, '' if it must have some."""
    if joined == "unless":
        return "excluded series need not exist"
    if promql.tokenize(expr)[0].text in _ABSENCE:
        return "it has a result only while its series is absent"
    if any(token.text == "offset" for token in promql.tokenize(expr)):
        return "it reads a time that may not have been recorded"
    recordings = (context.recordings.get(selector.metric or "") for selector in promql.find_selectors(expr))
    return next((recording.empty for recording in recordings if recording is not None and recording.empty), "")
