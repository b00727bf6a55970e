"""Services: throughput, errors, response times and availability, also of those that never answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.reports.context import unit_id
from deckwatch.reports.graphs import Plot, draw_rows
from deckwatch.reports.model import Column, Fact, Finding, Section, Table, Value
from deckwatch.reports.numbers import Change, find_peak, mean_of
from deckwatch.reports.queries import Query
from deckwatch.reports.texts import join_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.reports.context import Context
    from deckwatch.reports.queries import Results

TITLE = "Services"
ORDER = 60
AUDIENCE = "services"

_RATE = unit_id("requests/s")
_COLUMNS = (
    Column("service", "Service", is_number=False),
    Column("requests", "Requests"),
    Column("average", "Average"),
    Column("peak", "Peak"),
    Column("before", "Before"),
    Column("errors", "Error ratio"),
    Column("p50", "p50"),
    Column("p95", "p95"),
    Column("p99", "p99"),
    Column("available", "Availability"),
)
_DECIMALS = 2
_PLAIN = ("requests_in_all", "errors", "p50", "p95", "p99", "available", "declared")


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: figures of the whole range, and the course of requests, errors and response times."""
    window = context.window
    latency = "application.latency"
    return {
        "requests_in_all": Query(f"sum by (service) (increase(http_requests_total[{window}]))"),
        "errors": Query(context.signal_over_range("application.errors")),
        "p50": Query(context.signal_over_range(f"{latency}.p50")),
        "p95": Query(context.signal_over_range(f"{latency}.p95")),
        "p99": Query(context.signal_over_range(f"{latency}.p99")),
        "available": Query(f"min by (service) (avg_over_time(probe_success[{window}]))"),
        "declared": Query(
            f"label_replace(group by (component) (last_over_time(component:declared:info[{window}])), "
            '"service", "$1", "component", "(.*)")'
        ),
        "databases": Query(f"group by (server) (last_over_time(pg_up[{window}]))"),
        "requests": Query(context.signal_on_grid("application.requests"), "grid"),
        "error_series": Query(context.signal_on_grid("application.errors"), "grid"),
        "p95_series": Query(context.signal_on_grid(f"{latency}.p95"), "grid"),
    }


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; None without services."""
    figures = {name: _read_values(results, name) for name in _PLAIN}
    rates = {row.labels.get("service", ""): row.values for row in results.read_rows("requests")}
    databases = {sample.labels.get("server", "") for sample in results.read_samples("databases")}
    measured = {name for values in figures.values() for name in values}  # those declared among them
    names = sorted((measured | set(rates) | set(context.components)) - databases - {""})
    if not names:
        return None
    rows = [_build_row(context, name, figures, rates.get(name, ())) for name in names]
    silent = [name for name, row in zip(names, rows, strict=True) if not any(cell.is_known for cell in row[1:])]
    graphs = [
        *draw_rows(context, results.read_rows("requests"), Plot("requests", "Requests", _RATE, "service")),
        *draw_rows(context, results.read_rows("p95_series"), Plot("p95", "Latency p95", "s", "service")),
        *draw_rows(context, results.read_rows("error_series"), Plot("errors", "Error ratio", "percentunit", "service")),
    ]
    table = Table("services", "Traffic, errors and latency by service", _COLUMNS, rows)
    return Section(TITLE, [table, *graphs], _list_facts(context, rates, figures), _list_findings(silent))


def _build_row(
    context: Context, name: str, figures: Mapping[str, Mapping[str, float]], course: Sequence[float | None]
) -> list[Value]:
    values = context.take_period(course) if course else ()
    times = context.period_times if course else ()
    peak = find_peak(values, times)

    def find(key: str) -> float | None:
        return figures[key].get(name)

    return [
        Value(text=name),
        Value(find("requests_in_all"), "short"),
        Value(mean_of(values), _RATE),
        Value(peak and peak[0], _RATE),
        Value(mean_of(context.take_previous(course)) if course else None, _RATE),
        Value(find("errors"), "percentunit", decimals=_DECIMALS),
        Value(find("p50"), "s"),
        Value(find("p95"), "s"),
        Value(find("p99"), "s"),
        Value(find("available"), "percentunit", decimals=_DECIMALS),
    ]


def _list_facts(
    context: Context, rates: Mapping[str, Sequence[float | None]], figures: Mapping[str, Mapping[str, float]]
) -> list[Fact]:
    requests = figures["requests_in_all"]
    if not requests:
        return []
    before = [mean_of(context.take_previous(course)) for course in rates.values()]
    now = [mean_of(context.take_period(course)) for course in rates.values()]
    change = Change(_sum_known(now), _sum_known(before))
    note = f"{change.format_share()} on the previous period" if change.share is not None else ""
    return [Fact("requests", "Requests answered", Value(sum(requests.values()), "short"), note)]


def _sum_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _list_findings(silent: list[str]) -> list[Finding]:
    if not silent:
        return []
    what = "has no data at all: check that it is" if len(silent) == 1 else "have no data at all: check that they are"
    return [Finding(f"{join_names(silent)} {what} scraped or probed.", "warning")]


def _read_values(results: Results, name: str) -> dict[str, float]:
    return {sample.labels.get("service", ""): sample.value for sample in results.read_samples(name)}
