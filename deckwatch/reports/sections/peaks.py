"""Peak and low of what is measured all the time: requests, response times, machines, databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.reports.model import TIME, Column, Section, Table, Value
from deckwatch.reports.numbers import deviation_of, find_low, find_peak, mean_of
from deckwatch.reports.queries import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.reports.context import Context
    from deckwatch.reports.queries import Results

TITLE = "Peak and low"
ORDER = 62
AUDIENCE = "services"

_MAX_ROWS = 40
_FLAT = 0.001  # difference of peak and low, as a share, below which their times are chance
_COLUMNS = (
    Column("figure", "Figure", is_number=False),
    Column("where", "Where", is_number=False),
    Column("average", "Average"),
    Column("peak", "Peak"),
    Column("peak_at", "At"),
    Column("low", "Low"),
    Column("low_at", "At"),
    Column("deviation", "Standard deviation"),
)


class _Measure(NamedTuple):
    title: str
    signal: str
    unit: str
    decimals: int | None = None


_MEASURES = (
    _Measure("Requests", "application.requests", "reqps"),
    _Measure("Latency p95", "application.latency.p95", "s"),
    _Measure("Error ratio", "application.errors", "percentunit", 2),
    _Measure("CPU usage", "host.cpu", "percentunit"),
    _Measure("Memory usage", "host.memory", "percentunit"),
    _Measure("Connection usage", "postgres.connections_used", "percentunit"),
    _Measure("Transactions per second", "postgres.transactions", "short"),
)


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: the course of each measure."""
    return {measure.signal: Query(context.signal_on_grid(measure.signal), "grid") for measure in _MEASURES}


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; None where nothing is measured."""
    rows = []
    for measure in _MEASURES:
        for row in sorted(results.read_rows(measure.signal), key=lambda row: sorted(row.labels.items())):
            values = context.take_period(row.values)
            peak, low = find_peak(values, context.period_times), find_low(values, context.period_times)
            if peak is None or low is None:
                continue
            is_flat = peak[0] - low[0] <= _FLAT * abs(peak[0])
            rows.append(
                [
                    Value(text=measure.title),
                    Value(text=" ".join(value for _, value in sorted(row.labels.items()))),
                    Value(mean_of(values), measure.unit, decimals=measure.decimals),
                    Value(peak[0], measure.unit, decimals=measure.decimals),
                    Value(None if is_flat else peak[1], TIME),
                    Value(low[0], measure.unit, decimals=measure.decimals),
                    Value(None if is_flat else low[1], TIME),
                    Value(deviation_of(values), measure.unit, decimals=measure.decimals),
                ]
            )
    if not rows:
        return None
    caption = f"Values {_describe_step(context.grid.step)} apart"
    return Section(TITLE, [Table("peaks", caption, _COLUMNS, rows[:_MAX_ROWS], max(len(rows) - _MAX_ROWS, 0))])


def _describe_step(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes % 60:
        return "one minute" if minutes == 1 else f"{minutes} minutes"
    return "one hour" if minutes == 60 else f"{minutes // 60} hours"
