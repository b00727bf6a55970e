"""Format durations, limits and labels, for Prometheus and for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deckwatch.core.quantity_text import format_duration, format_number, format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deckwatch.alerting.model import Alert, Limit

__all__ = ["format_duration", "format_limit", "format_number", "format_quantity", "format_threshold"]

_COMPARED = {">": "more than ", "<": "less than ", "==": ""}

# The template function that formats a value of a unit, and the suffix.
HUMANIZED = {
    "ratio": ("humanizePercentage", ""),
    "seconds": ("humanizeDuration", ""),
    "bytes": ("humanize1024", "B"),
    "bytes/s": ("humanize1024", "B/s"),
    "percent": ("humanize", "%"),
    "timestamp": ("humanizeTimestamp", ""),
    "date": ("humanizeTimestamp", ""),
}


def format_limit(limit: Limit, unit: str) -> str:
    """Return a limit in words: `more than 80%`."""
    return _COMPARED[limit.operator] + format_quantity(limit.value, unit)


def format_threshold(alert: Alert) -> str:
    """Return an alert's threshold, such as `more than 80% for 5m`; '' where its expression contains the comparison."""
    if alert.limit is None:
        return ""
    text = format_limit(alert.limit, alert.unit)
    return f"{text} for {format_duration(alert.hold)}" if alert.hold else text


def add_labels(expr: str, labels: Mapping[str, str]) -> str:
    """Return PromQL that adds labels to an expression's series; values are escaped."""
    for label, text in labels.items():
        value = json.dumps(text.replace("$", "$$"), ensure_ascii=False)  # $1 would refer to a capture group
        expr = f'label_replace({expr}, "{label}", {value}, "", "")'
    return expr


def union_series(series: Iterable[Mapping[str, str]]) -> str:
    """Return PromQL for series with these labels and the value 1."""
    return "\nor\n".join(add_labels("vector(1)", labels) for labels in series)
