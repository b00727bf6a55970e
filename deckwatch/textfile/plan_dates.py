"""Dates of a plan, as people and programs write them; one that can be read in two ways is refused."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_NAMED = (
    re.compile(rf"{_DAY}[ .-]+(?P<month>[a-z]+)\.?[ ,-]+(?P<year>\d{{4}})"),  # 15 May 2025
    re.compile(rf"(?P<month>[a-z]+)\.? {_DAY},? (?P<year>\d{{4}})"),  # May 15, 2025
)
_NUMBERS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
_YEAR_FIRST = re.compile(r"(\d{4})[./](\d{1,2})[./](\d{1,2})")
_END_OF_DAY = time(23, 59, 59)
_EXAMPLES = "such as 2025-05-15"


def parse_date(value: object, zone: tzinfo, *, is_end: bool = False) -> float:
    """Return the Unix time of a date of a plan, at its beginning or, with `is_end`, its last second.

    Accepts ISO 8601 with or without a time, 15 May 2025, May 15, 2025, 2025/05/15, and 15.05.2025 or 05/15/2025 where
    only one of the numbers can be the month. Raises ValueError for any other, with a sentence.
    """
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if re.search(r"\d[T ]\d{1,2}:", text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a date and time {_EXAMPLES} or 2025-05-15T14:30+02:00") from None
        return _to_unix(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    day = _parse_day(text)
    return _to_unix(datetime.combine(day, _END_OF_DAY if is_end else time(), zone))


def _to_unix(moment: datetime) -> float:
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):
        raise ValueError(f"the year {moment.year} is out of range") from None


def _parse_day(text: str) -> date:
    lowered = text.lower()
    for pattern in _NAMED:
        if match := pattern.fullmatch(lowered):
            return _make_date(text, int(match["year"]), _find_month(text, match["month"]), int(match["day"]))
    if match := _YEAR_FIRST.fullmatch(text):
        return _make_date(text, *map(int, match.groups()))
    if match := _NUMBERS.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if first != second and max(first, second) <= 12:
            options = f"{year}-{second:02}-{first:02} or {year}-{first:02}-{second:02}"
            raise ValueError(f"{text!r} can be read in two ways: write {options}")
        month, day = (first, second) if first <= 12 and (second > 12 or first == second) else (second, first)
        return _make_date(text, year, month, day)
    try:
        return date.fromisoformat(text)
    except ValueError:
        if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
            raise ValueError(f"{text!r} does not exist in the calendar") from None
        raise ValueError(f"{text!r} is not a date {_EXAMPLES}" if text else f"expected a date {_EXAMPLES}") from None


def _find_month(text: str, word: str) -> int:
    for names in (_FULL_MONTHS, _MONTHS):
        if word in names:
            return names.index(word) + 1
    if word == "sept":
        return 9
    raise ValueError(f"{text!r} is not a date {_EXAMPLES}: no month is called {word}")


def _make_date(text: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"{text!r} does not exist in the calendar") from None
