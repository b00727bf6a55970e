"""Format durations, limits and labels, for Prometheus and for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deckwatch.core import units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.alerting.model import Alert, Limit

_PIECES = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_SIZES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_COMPARED = {">": "more than ", "<": "less than ", "==": ""}

# The template function that formats a value of a unit, and the suffix.
HUMANIZED = {
    "ratio": ("humanizePercentage", ""),
    "seconds": ("humanizeDuration", ""),
    "bytes": ("humanize1024", "B"),
    "bytes/s": ("humanize1024", "B/s"),
    "percent": ("humanize", "%"),
    "timestamp": ("humanizeTimestamp", ""),
}


def format_duration(seconds: float) -> str:
    """Return a duration as Prometheus reads it, such as 1h30m; whole seconds."""
    rest = round(seconds)
    text = ""
    for unit, size in _PIECES:
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def format_number(value: float) -> str:
    """Return a number as PromQL reads it, without binary rounding noise."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else format(value, ".12g")


def format_quantity(value: float, unit: str) -> str:
    """Return a value of a unit as people write it: 80%, 1h30m, 2GiB."""
    if unit == "ratio":
        return format_number(value * 100) + "%"
    if unit == "percent":
        return format_number(value) + "%"
    if unit == "seconds":
        return format_duration(value) if value >= 1 and value == int(value) else _format_small_seconds(value)
    if unit in ("bytes", "bytes/s"):
        return _format_size(value) + unit.removeprefix("bytes")
    rate = {"per second": " a second", "per minute": " a minute"}.get(unit, f" {unit}" if unit in units.GRAFANA else "")
    return format_number(value) + (rate if unit not in ("none", "count") else "")


def _format_small_seconds(value: float) -> str:
    return f"{format_number(value * 1000)}ms" if 0 < abs(value) < 1 else f"{format_number(value)}s"


def _format_size(value: float) -> str:
    for unit, size in _SIZES:
        if abs(value) >= size:
            return format(value / size, ".4g") + unit
    return format_number(value) + "B"


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
