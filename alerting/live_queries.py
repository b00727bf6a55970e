"""The expressions of rules as a live Prometheus is asked for them: `verify` runs each."""

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


_OPTIONAL_PREFIX = "container_label_"  # which containers have is up to those who start them


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """One expression of a topic, to be asked for at one moment.

    `kind` is `recording`, `side` for each side of what an alert compares, or `alert` for the whole condition, which
    must only be understood. `empty` is the reason for which it may return nothing, '' where it may not. `needs` are
    metrics without which this is not watched here at all, and `labels` those that some series must carry.
    """

    topic: str
    kind: Literal["recording", "side", "alert"]
    name: str
    expr: str
    place: Place
    empty: str = ""
    needs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def build_queries(groups: Sequence[Group], context: Context) -> Iterator[LiveQuery]:
    """Yield the queries of all topics: of each its recordings first, then of each alert its sides and itself."""
    for group in groups:
        for one in group.recordings:
            empty = one.empty or _interval_reason(group)
            yield LiveQuery(group.topic, "recording", one.name, one.expr, one.place, empty, one.needs)
        for alert in group.alerts:
            yield from _side_queries(alert, context)
            whole = render_rules.alert_expression(alert)
            reason = "it does not fire"
            yield LiveQuery(alert.topic, "alert", alert.name, whole, alert.place, reason, alert.needs)


def _interval_reason(group: Group) -> str:
    """Return why recordings may have no data for a while: they read others, which are computed only now and then."""
    return f"it is computed every {group.interval}" if group.interval else ""


def _side_queries(alert: Alert, context: Context) -> Iterator[LiveQuery]:
    seen: set[str] = set()
    for part in condition.split_condition(render_rules.alert_expression(alert)):
        for text in (part.left, part.right):
            if not text or text in seen or not promql.find_selectors(text):
                continue
            seen.add(text)
            empty = alert.empty or _empty_reason(text, part.joined, context)
            labels = tuple(one for one in alert.each if not one.startswith(_OPTIONAL_PREFIX)) if len(seen) == 1 else ()
            yield LiveQuery(alert.topic, "side", alert.name, text, alert.place, empty, alert.needs, labels)


def _empty_reason(text: str, joined: str, context: Context) -> str:
    """Return why a side may have no data, '' if it must have some."""
    if joined == "unless":
        return "what is taken away need not be there"
    if any(token.text == "offset" for token in promql.tokenize(text)):
        return "it looks back to a time that may not have been recorded"
    read = (context.recordings.get(one.metric or "") for one in promql.find_selectors(text))
    return next((one.empty for one in read if one is not None and one.empty), "")
