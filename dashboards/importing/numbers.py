"""Numbers as old dashboards have them: also as text, empty, or as a list in one text."""

from __future__ import annotations

import math
from typing import Any


def parse_number(value: Any) -> float | None:
    """Return a number or the number in a text; None for anything else, infinity included."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def parse_numbers(value: Any) -> list[float]:
    """Return the numbers of a list or of a text such as `70,90`, without items that are not numbers."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    numbers = (parse_number(item) for item in items)
    return [number for number in numbers if number is not None]
