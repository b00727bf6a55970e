"""Capacity: what runs out, and when, if it goes on as in this period.

A forecast is a straight line through all samples of the range (PromQL's `deriv`). It is shown only if the samples
are near that line: for a daily cycle or a jump, no figure is better than a wrong one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.reports.expressions import CONTAINER_MEMORY
from deckwatch.reports.graphs import Plot, draw_rows
from deckwatch.reports.model import DATE, Column, Fact, Finding, Section, Table, Text, Value
from deckwatch.reports.queries import Query
from deckwatch.reports.texts import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.reports.context import Context
    from deckwatch.reports.model import Block, Tone
    from deckwatch.reports.queries import Results

TITLE = "Capacity"
ORDER = 40
AUDIENCE = ""

LEAST_FIT = 0.8  # coefficient of determination of the line, 1 where all samples are on it
_HORIZON_SECONDS = 365 * 86400
_LEAST_SPAN_SHARE = 0.5  # of the range with samples: a day says little about a week
_SOON_SECONDS, _LATER_SECONDS = 14 * 86400, 60 * 86400
_DAY = 86400
_MONTH = 30 * _DAY
_MAX_ROWS = 15
_REAL = '{fstype!~"tmpfs|ramfs|squashfs|iso9660"}'
_COLUMNS = (
    Column("resource", "Resource", is_number=False),
    Column("where", "Where", is_number=False),
    Column("used", "Used"),
    Column("left", "Free"),
    Column("per_day", "Change per day"),
    Column("runs_out", "Full in"),
    Column("runs_out_at", "On"),
)
_GROWTH_COLUMNS = (
    Column("database", "Database", is_number=False),
    Column("size", "Size"),
    Column("per_day", "Growth per day"),
    Column("in_30_days", "In 30 days"),
)


_METHOD = (
    "A forecast is a straight line through all samples of this period. It is left out where they are far from the "
    "line, as with a daily cycle, or where what is left does not shrink."
)


class _Resource(NamedTuple):
    """A resource: selectors of what is measured (what is left, or with `is_use` what is used) and of the total."""

    title: str
    measured: str
    total: str
    by: tuple[str, ...]
    unit: str = "bytes"
    is_use: bool = False


_FILE_SYSTEM = ("instance", "device", "mountpoint")
_RESOURCES = {
    "disk": _Resource(
        "File system", f"node_filesystem_avail_bytes{_REAL}", f"node_filesystem_size_bytes{_REAL}", _FILE_SYSTEM
    ),
    "inodes": _Resource(
        "Inodes", f"node_filesystem_files_free{_REAL}", f"node_filesystem_files{_REAL}", _FILE_SYSTEM, "short"
    ),
    "memory": _Resource("Memory", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes", ("instance",)),
    "container": _Resource(
        "Memory of container",
        CONTAINER_MEMORY,
        'container_spec_memory_limit_bytes{name!=""}',
        ("instance", "name"),
        is_use=True,
    ),
}


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: of each resource what is left, the total, the slope and the fit; the sizes of databases."""
    queries: dict[str, Query] = {}
    for key, resource in _RESOURCES.items():
        by, measured = f"by ({', '.join(resource.by)})", resource.measured
        repeated = " unless on (instance, device, mountpoint) deckwatch_filesystem_mount_repeated"
        rest = repeated if resource.by == _FILE_SYSTEM else ""
        queries |= {
            f"{key} measured": Query(f"max {by} ({measured}{rest})"),
            f"{key} total": Query(f"max {by} ({resource.total}) > 0"),
            f"{key} slope": Query(f"max {by} ({_measure_all(context, 'deriv', measured)})"),
            f"{key} deviation": Query(f"max {by} ({_measure_all(context, 'stddev_over_time', measured)})"),
        }
    by, size = "by (datname, server)", 'pg_database_size_bytes{datname!~"template.*"}'
    return queries | {
        "disk course": Query(context.signal_on_grid("host.filesystem"), "grid"),
        "database left": Query(f"sum {by} ({size})"),
        "database slope": Query(f"sum {by} ({_measure_all(context, 'deriv', size)})"),
        "database deviation": Query(f"max {by} ({_measure_all(context, 'stddev_over_time', size)})"),
    }


def _measure_all(context: Context, function: str, selector: str) -> str:
    """Return a function over the range, of the series that exist during all of it.

    Of others, such as those of a container that was created again, the line would be that of a part of the range.
    """
    span = math.floor(_find_span(context))
    return f"{function}({selector}[{context.window}]) and {selector} and {selector} offset {span}s"


def _find_span(context: Context) -> float:
    """Return the seconds of the range since the oldest sample."""
    since = context.coverage.since
    return context.seconds if since is None else min(context.seconds, context.end - since)


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; None without machines and databases."""
    forecasts = sorted(
        _list_forecasts(context, results), key=lambda each: (each.seconds is None, each.seconds or 0, each.where)
    )
    growths = _list_growths(context, results)
    if not forecasts and not growths:
        return None
    blocks: list[Block] = []
    if forecasts:
        rows = [forecast.list_cells(context.end) for forecast in forecasts]
        omitted = max(len(rows) - _MAX_ROWS, 0)
        blocks.append(Table("resources", "Resources by remaining time", _COLUMNS, rows[:_MAX_ROWS], omitted))
    if growths:
        blocks.append(Table("databases", "Size of databases", _GROWTH_COLUMNS, growths))
    blocks.append(Text("method", [_METHOD]))
    plot = Plot("disks", "File system usage", "percentunit", "mountpoint instance")
    blocks += draw_rows(context, results.read_rows("disk course"), plot)
    return Section(TITLE, blocks, _list_facts(forecasts), list(_list_findings(forecasts)))


class _Forecast(NamedTuple):
    """What is left of one resource of one machine; `seconds` until it is used up, None where no forecast is fair."""

    resource: _Resource
    where: str
    left: float
    total: float | None
    slope: float | None  # of what is left, per second
    seconds: float | None

    @property
    def tone(self) -> Tone:
        if self.seconds is None or self.seconds > _LATER_SECONDS:
            return "none"
        return "bad" if self.seconds <= _SOON_SECONDS else "warning"

    def list_cells(self, end: float) -> list[Value]:
        used = None if not self.total else 1 - self.left / self.total
        return [
            Value(text=self.resource.title),
            Value(text=self.where),
            Value(used, "percentunit"),
            Value(self.left, self.resource.unit),
            Value(None if self.slope is None else self.slope * _DAY, self.resource.unit),
            Value(self.seconds, "s", tone=self.tone) if self.seconds is not None else Value(text="not foreseeable"),
            Value(None if self.seconds is None else end + self.seconds, DATE),
        ]


def _list_forecasts(context: Context, results: Results) -> Iterator[_Forecast]:
    for key, resource in _RESOURCES.items():
        totals, slopes, deviations = (
            _read_values(results, f"{key} {part}", resource.by) for part in ("total", "slope", "deviation")
        )
        for subject, measured in _read_values(results, f"{key} measured", resource.by).items():
            total = totals.get(subject)
            if resource.is_use and total is None:
                continue  # without a limit
            left = total - measured if resource.is_use and total is not None else measured
            slope = _find_slope(context, slopes.get(subject), deviations.get(subject))
            if resource.is_use and slope is not None:
                slope = -slope
            seconds = left / -slope if slope is not None and slope < 0 else None
            if seconds is not None and not 0 <= seconds <= _HORIZON_SECONDS:
                seconds = None
            if resource.title == "File system" or seconds is not None:
                where = _name_place(resource.by, subject)
                yield _Forecast(resource, where, left, total, slope, seconds)


def _find_slope(context: Context, slope: float | None, deviation: float | None) -> float | None:
    """Return the slope of a line through samples, None if they are far from it.

    For samples at equal distances over a span T, the line explains slope² · T² / 12 of their variance.
    """
    span = _find_span(context)
    if slope is None or deviation is None or span < _LEAST_SPAN_SHARE * context.seconds:
        return None
    if deviation == 0:
        return 0.0
    return slope if abs(slope) * span >= math.sqrt(12 * LEAST_FIT) * deviation else None


def _list_growths(context: Context, results: Results) -> list[list[Value]]:
    by = ("datname", "server")
    slopes, deviations = (_read_values(results, f"database {part}", by) for part in ("slope", "deviation"))
    rows = []
    for subject, size in sorted(_read_values(results, "database left", by).items(), key=lambda item: -item[1]):
        slope = _find_slope(context, slopes.get(subject), deviations.get(subject))
        rows.append(
            [
                Value(text=" ".join(part for part in subject if part)),
                Value(size, "bytes"),
                Value(None if slope is None else slope * _DAY, "bytes"),
                Value(None if slope is None else max(size + slope * _MONTH, 0), "bytes"),
            ]
        )
    return rows[:_MAX_ROWS]


def _list_facts(forecasts: list[_Forecast]) -> list[Fact]:
    first = next((forecast for forecast in forecasts if forecast.seconds is not None), None)
    if first is None:
        return []
    value = Value(first.seconds, "s", tone=first.tone)
    return [Fact("runs_out", "Capacity for", value, f"{first.resource.title.lower()} {first.where}")]


def _list_findings(forecasts: list[_Forecast]) -> Iterator[Finding]:
    for forecast in forecasts:
        if forecast.seconds is not None and forecast.tone != "none":
            verb = "is full" if forecast.resource.title == "File system" else "runs out"
            what = f"{forecast.resource.title} {forecast.where}"
            text = f"{what} {verb} in {format_seconds(forecast.seconds)} at the current rate."
            yield Finding(text, forecast.tone)


def _read_values(results: Results, name: str, by: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels.get(label, "") for label in by): sample.value for sample in results.read_samples(name)}


def _name_place(by: tuple[str, ...], subject: tuple[str, ...]) -> str:
    named = dict(zip(by, subject, strict=True))
    words = (named.get("mountpoint", ""), named.get("name", ""), named.get("instance", ""))
    return " ".join(text for text in words if text)
