"""Points in time as users write them: dates with or without an offset, Unix times, and times relative to now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from deckwatch.core import units
from deckwatch.core.problems import DeckwatchError, add_hint, nearest_word

_UNIX = re.compile(r"\d{9,11}(\.\d{1,9})?")
_UNIX_MILLISECONDS = re.compile(r"\d{12,14}")  # as in Grafana's links; from 1973 on, and no time in seconds before 5138
_RELATIVE = re.compile(r"(?:now)?-(\S+)")
_EXAMPLES = "such as 2026-10-25, 2026-10-25T14:30, 2026-10-25T14:30+02:00, a Unix time, now or -7d"


def load_zone(name: str) -> ZoneInfo:
    """Return a time zone of the IANA database, such as Europe/Berlin; raises DeckwatchError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest_word(name, available_timezones()) if len(name) <= 64 else None
        hint = f"did you mean {near}?" if near else "such as UTC or Europe/Berlin"
        raise DeckwatchError(add_hint(f"no time zone is called {name}", hint)) from None


def parse_time_point(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the time that a text names, in UTC with microseconds; a time without offset is a local time of the zone.

    Raises DeckwatchError for another form, and for local times that daylight saving time skips or repeats.
    """
    text = text.strip()
    if text == "now":
        return now.astimezone(UTC)
    try:
        if _UNIX.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        if _UNIX_MILLISECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        if match := _RELATIVE.fullmatch(text):
            return now.astimezone(UTC) - timedelta(seconds=units.parse_duration(match[1]))
        when = datetime.fromisoformat(text)
        return when.astimezone(UTC) if when.tzinfo is not None else _resolve_local_time(text, when, zone)
    except (ValueError, OverflowError):
        raise DeckwatchError(f"{text!r} is not a time ({_EXAMPLES})") from None


def _resolve_local_time(text: str, when: datetime, zone: ZoneInfo) -> datetime:
    """Return the UTC time of a local time that exists exactly once."""
    first, second = when.replace(tzinfo=zone, fold=0), when.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when:
        later = first.astimezone(UTC).astimezone(zone)
        raise DeckwatchError(
            f"{text} does not exist in {zone.key}: its clocks skip it (did you mean {_format_time(later)}?)"
        )
    times = f"{_format_time(first)} or {_format_time(second)}"
    raise DeckwatchError(f"{text} occurs twice in {zone.key}: its clocks are set back (write {times})")


def _format_time(when: datetime) -> str:
    return when.isoformat(timespec="auto")
