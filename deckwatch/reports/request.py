"""The parameters of a report that is asked for over HTTP: `from`, `to`, `format` and `zone`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from deckwatch.core import time_points
from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean, nearest_word
from deckwatch.provisioning.views.answer import BadRequest
from deckwatch.reports import formats, sections
from deckwatch.reports.build import ReportOptions
from deckwatch.reports.context import check_range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

T = TypeVar("T")

DEFAULTS = {"from": "7d before to", "to": "now", "format": "html", "zone": "UTC"}
_DEFAULT_RANGE = timedelta(days=7)  # as `--range` of the command
_MAX_TEXT = 64  # characters of a value
_MINUTE = 60
# What Grafana has instead of a name of the time zone database, the last where it does not know the variable.
_ZONES_OF_GRAFANA = ("", "utc", "browser", "${__timezone}", "$__timezone")


class UnknownAudience(DeckwatchError):
    """No report is for this audience."""


@dataclass(frozen=True)
class ReportRequest:
    """A report to be written; equal requests have equal reports."""

    options: ReportOptions
    format: str


def read_request(audience: str, fields: Mapping[str, Sequence[str]], now: datetime) -> ReportRequest:
    """Return the report that the fields of a query ask for; raises UnknownAudience, or BadRequest with all mistakes.

    The range begins and ends with a whole minute, so that clicks within a minute ask for the same report. An end in
    the future, as that of Grafana's range "Today", is the present.
    """
    if audience not in sections.list_audiences():
        shown = _shorten_text(audience)
        raise UnknownAudience(add_hint(f"no report is for {shown}", did_you_mean(shown, sections.list_audiences())))
    mistakes = _find_unknown(fields)
    values = {name: _shorten_text(fields.get(name, [default])[0].strip()) for name, default in DEFAULTS.items()}
    form = _try_reading(mistakes, lambda: _read_format(values["format"]))
    zone = _try_reading(mistakes, lambda: _read_zone(values["zone"]))
    known_zone = zone or ZoneInfo("UTC")
    end = _try_reading(mistakes, lambda: _read_time(values["to"], known_zone, now))
    if "from" in fields:
        start = _try_reading(mistakes, lambda: _read_time(values["from"], known_zone, now))
    else:
        start = (end or now) - _DEFAULT_RANGE
    if start is None or end is None or form is None or zone is None or mistakes:
        raise BadRequest("; ".join(mistakes))
    last = min(end, now)
    seconds = _floor_minute(last) - _floor_minute(start)
    if seconds <= 0:
        raise BadRequest(f"from ({values['from']}) is not before to ({values['to']})")
    _check_range(seconds)
    return ReportRequest(ReportOptions(seconds, zone, audience, None if end >= now else _floor_minute(end)), form)


def _find_unknown(fields: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the problems of the names of fields."""
    unknown = [_shorten_text(name) for name in fields if name not in DEFAULTS]
    repeated = [name for name, values in fields.items() if name in DEFAULTS and len(values) != 1]
    return [
        *(add_hint(f"a report has no parameter {name}", did_you_mean(name, DEFAULTS)) for name in unknown),
        *(f"expected one {name}" for name in repeated),
    ]


def _try_reading(mistakes: list[str], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except DeckwatchError as error:
        mistakes.append(str(error))
        return None


def _read_format(name: str) -> str:
    known = formats.list_formats()
    if name in known:
        return name
    near = nearest_word(name, known)
    message = f"no format is called {name}: there are {', '.join(known)}"
    raise BadRequest(add_hint(message, f"did you mean {near}?" if near else ""))


def _read_time(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return a time; a space after a T is the plus sign of an offset, which an address may contain unencoded."""
    date, letter, rest = text.partition("T")
    return time_points.parse_time_point(f"{date}{letter}{rest.replace(' ', '+')}", zone, now)


def _read_zone(name: str) -> ZoneInfo:
    """Return a time zone; a space is the plus sign of Etc/GMT+3 in the same way."""
    if name.lower() in _ZONES_OF_GRAFANA:
        return ZoneInfo("UTC")
    return time_points.load_zone(name.replace(" ", "+"))


def _shorten_text(text: str) -> str:
    """Return a text for a message; a long one is none of the expected words, and is cut."""
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _check_range(seconds: float) -> None:
    try:
        check_range(seconds)
    except DeckwatchError as error:
        raise BadRequest(str(error)) from None


def _floor_minute(when: datetime) -> float:
    return when.timestamp() // _MINUTE * _MINUTE
