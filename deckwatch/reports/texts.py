"""Values and times as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from deckwatch.provisioning.kpi_format import format_value
from deckwatch.reports.model import DATE, NO_VALUE, TIME

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from deckwatch.reports.model import Report, Value

_NAMES = {86400: "Daily report", 7 * 86400: "Weekly report", 30 * 86400: "Monthly report"}


def format_cell(value: Value, zone: ZoneInfo) -> str:
    """Return the text of a value; a dash where nothing is known."""
    if value.number is None:
        return value.text or NO_VALUE
    if value.unit == TIME:
        return format_time(value.number, zone)
    if value.unit == DATE:
        return format_date(value.number, zone)
    return format_value(value.number, value.unit, value.decimals)


def format_time(at: float, zone: ZoneInfo) -> str:
    """Return a Unix time such as Mon 23 Nov 14:05."""
    return datetime.fromtimestamp(at, zone).strftime("%a %d %b %H:%M")


def format_date(at: float, zone: ZoneInfo) -> str:
    """Return the date of a Unix time, such as 3 Nov 2026."""
    return datetime.fromtimestamp(at, zone).strftime("%d %b %Y").lstrip("0")


def format_day(at: float, zone: ZoneInfo) -> str:
    """Return a Unix time with its year, such as 3 Nov 2026 14:05."""
    return datetime.fromtimestamp(at, zone).strftime("%d %b %Y %H:%M").lstrip("0")


def iso_time(at: float, zone: ZoneInfo) -> str:
    """Return a Unix time for programs, with the offset of the zone."""
    return datetime.fromtimestamp(round(at), zone).isoformat()


def default_title(seconds: float) -> str:
    """Return the title of a report on so many seconds."""
    return _NAMES.get(round(seconds), "Report")


def describe_range(report: Report) -> str:
    """Return the range of a report, and with what it is compared, in one line."""
    start, end = format_day(report.start, report.zone), format_day(report.end, report.zone)
    before = f", compared with the {format_seconds(report.seconds)} before" if report.is_comparable else ""
    return f"{start} to {end} ({report.zone.key}){before}"


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 alert, 2 alerts."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def join_names(names: list[str], most: int = 3) -> str:
    """Return names as part of a sentence: a, b and 4 more."""
    shown, more = names[:most], len(names) - most
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def format_seconds(seconds: float) -> str:
    """Return a duration in its two largest units, such as 3 h 20 min."""
    return format_value(seconds, "s")
