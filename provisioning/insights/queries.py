"""The PromQL of insights: the range filled in, one series for each subject, and several rules in one query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.alerting import formatting
from deckwatch.core import promql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.provisioning.insights.model import Quantity, Rule

PART = "deckwatch_insight"  # the label that names the part of a query which found a series
_RANGE = re.compile(r"\$range\b|\$\{range\}")
_BEGINNING = 0.1  # share of the range in which a series must have existed to be observed since its beginning
_MIN_BEGINNING_SECONDS = 300


def build_condition(rule: Rule, seconds: float) -> str:
    """Return the PromQL that finds the subjects of a rule in a range, to be pasted into Prometheus."""
    text = _combine_series(rule, fill_range(rule.expr, seconds))
    if rule.operator:
        text += f" {rule.operator} {formatting.format_number(rule.limit)}"
    if rule.observed:
        beginning = round(min(max(seconds * _BEGINNING, _MIN_BEGINNING_SECONDS), seconds / 2))
        window, offset = formatting.format_duration(beginning), formatting.format_duration(seconds - beginning)
        on = f" and on ({', '.join(rule.each)}) "
        text += f"{on}present_over_time({rule.observed}[{window}] offset {offset})"
    return text


def build_value(rule: Rule, quantity: Quantity, seconds: float) -> str:
    """Return the PromQL of a further field of a rule, with one series for each subject."""
    return _combine_series(rule, fill_range(quantity.expr, seconds), quantity.label)


def fill_range(expr: str, seconds: float) -> str:
    """Return an expression with `$range`, and Grafana's `$__range`, replaced by a duration."""
    window = formatting.format_duration(seconds)
    text = promql.with_window(_RANGE.sub(window, expr.strip()), window)
    return f"{text}\n" if "#" in text else text  # a line break ends a comment


def unite_parts(parts: Iterable[tuple[str, str]]) -> str:
    """Return one query for several; the label PART of each series has the name of its part."""
    return "\nor\n".join(formatting.add_labels(expr, {PART: name}) for name, expr in parts)


def _combine_series(rule: Rule, expr: str, label: str = "") -> str:
    function = "min" if rule.operator == "<" else "max"
    labels = ", ".join((*rule.each, label) if label else rule.each)
    return f"{function} by ({labels}) ({expr})" if labels else f"{function}({expr})"
