"""Sentences of insights: fields such as `{{instance}}`, and values as people write them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.provisioning.kpi_format import format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_TEXT = 120  # characters of a label in a sentence
_FIELD = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_LENGTHS = (("days", 86400), ("hours", 3600), ("minutes", 60))
_PLURAL = 1.95  # of a unit of time; it is written as 2
_MANY = 10  # from here on counts are whole numbers
_NEARLY_WHOLE = 0.05  # increase() extrapolates slightly
_NEARLY_ALL = 0.99


def find_fields(text: str) -> Iterator[tuple[str, int]]:
    """Yield the name of each field with its offset."""
    for match in _FIELD.finditer(text):
        yield match[1], match.start(1)


def fill_sentence(text: str, fields: Mapping[str, str]) -> str:
    """Return a sentence with its fields replaced; raises KeyError for a field without a value."""
    return _FIELD.sub(lambda match: fields[match[1]], text)


def format_label(text: str) -> str:
    """Return the value of a label on one line, shortened if it is long; '?' for an empty one."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return (line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…") or "?"


def format_quantity(value: float, unit: str) -> str:
    """Return a value of a unit as in a sentence: 19.5 %, 9 days, 1.5 GiB, 2026-12-09."""
    match unit:
        case "seconds":
            return format_length(value)
        case "ratio":
            return _format_share(value)
        case "timestamp" | "date":
            return _format_date(value)
        case "count" | "none" | "":
            return _format_count(value)
        case _:
            return format_value(value, units.GRAFANA.get(unit, unit))


def format_length(seconds: float) -> str:
    """Return a duration in its largest unit of which there are at least two."""
    for name, size in _LENGTHS:
        if abs(seconds) / size >= _PLURAL:
            return f"{seconds / size:,.0f} {name}"
    if abs(seconds) < 1:
        return format_value(seconds, "s")
    count = f"{seconds:.3g}"
    return f"{count} second{'' if count == '1' else 's'}"


def _format_share(value: float) -> str:
    """Return a percentage of three digits, or with two digits of what is missing: 99.9953 % is not 100 %."""
    missing = 1 - value
    if _NEARLY_ALL < value < 1 and missing > 1e-12:  # less is rounding of numbers
        digits = f"{100 * value:.{max(1 - math.floor(math.log10(100 * missing)), 0)}f}"
        return f"{digits.rstrip('0').rstrip('.')} %"
    return format_value(value, "percentunit")


def _format_date(value: float) -> str:
    try:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return f"{value:g}"


def _format_count(value: float) -> str:
    if abs(value) >= _MANY or abs(value - round(value)) < _NEARLY_WHOLE:
        return f"{round(value):,}"
    return f"{value:.2g}"
