"""What has improved or worsened against the previous period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deckwatch.reports.expressions import container_cores, container_memory
from deckwatch.reports.model import Column, Fact, Finding, Section, Table, Text, Value
from deckwatch.reports.numbers import Change, mean_of
from deckwatch.reports.queries import Query
from deckwatch.reports.sections.alerts import list_firings, total_seconds
from deckwatch.reports.texts import count_of, join_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.reports.context import Context
    from deckwatch.reports.model import Tone
    from deckwatch.reports.numbers import Direction
    from deckwatch.reports.queries import Results

TITLE = "What has changed"
ORDER = 30
AUDIENCE = ""

_MAX_ROWS = 25
_ORDER = {"worse": 0, "better": 1, "changed": 2}
_COLUMNS = (
    Column("figure", "Figure", is_number=False),
    Column("where", "Where", is_number=False),
    Column("now", "Now"),
    Column("before", "Before"),
    Column("change", "Change"),
    Column("verdict", "Verdict", is_number=False),
)


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure that is compared.

    `way` is how a signal becomes one value: the mean of its points, its value over the whole range (shares and
    quantiles, whose mean would be wrong), or its value at the end. `least` is the smallest change that counts.
    """

    title: str
    signal: str
    way: Literal["mean", "range", "last"]
    unit: str
    bad: Direction = "none"
    least: float = 0.0
    least_share: float = 0.05
    decimals: int | None = None


_FIGURES = (
    _Figure("Requests", "application.requests", "mean", "reqps"),
    _Figure("Error ratio", "application.errors", "range", "percentunit", "up", 0.0005, decimals=2),
    _Figure("Latency p95", "application.latency.p95", "range", "s", "up", 0.005),
    _Figure("CPU usage", "host.cpu", "mean", "percentunit", "up", 0.01),
    _Figure("Memory usage", "host.memory", "mean", "percentunit", "up", 0.01),
    _Figure("File system usage", "host.filesystem_fullest", "last", "percentunit", "up", 0.01, 0.0),
    _Figure("Connection usage", "postgres.connections_used", "mean", "percentunit", "up", 0.01),
    _Figure("Cache hit ratio", "postgres.cache_hits", "range", "percentunit", "down", 0.005, 0.0, 1),
    _Figure("Transactions per second", "postgres.transactions", "mean", "short"),
    _Figure("Database size", "postgres.size_in_all", "last", "bytes"),
)
# Of the containers of a machine together: of each, they would fill pages.
_OF_CONTAINERS = {"CPU of containers": "short", "Memory of containers": "bytes"}
_RANGE_EXPRESSIONS = {
    "Availability": _Figure("Availability", "", "range", "percentunit", "down", 0.0002, 0.0, 2),
    "Container restarts": _Figure("Container restarts", "", "range", "none", "up", 0.5, 0.0),
}


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: figures with a mean on the grid of both periods, others at the end of each."""
    if not context.is_comparable:
        return {}
    queries: dict[str, Query] = {}
    for figure in _FIGURES:
        if figure.way == "mean":
            queries[figure.title] = Query(context.signal_on_grid(figure.signal), "grid")
        else:
            expr = context.signal_over_range(figure.signal)
            queries |= {f"{figure.title} now": Query(expr), f"{figure.title} before": Query(expr, "start")}
    of_containers = (container_cores(context.point_window), container_memory())
    queries |= {title: Query(expr, "grid") for title, expr in zip(_OF_CONTAINERS, of_containers, strict=True)}
    for title, expr in (
        ("Availability", f"min by (service) (avg_over_time(probe_success[{context.window}]))"),
        ("Container restarts", f"sum(increase(deckwatch_container_restarts_total[{context.window}]))"),
    ):
        queries |= {f"{title} now": Query(expr), f"{title} before": Query(expr, "start")}
    return queries


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; a text where the previous period is not known."""
    if not context.is_comparable:
        return Section(TITLE, [Text("unknown", ["There is no data for the previous period, so nothing is compared."])])
    found = [
        (title, where, change, unit, decimals)
        for title, where, change, unit, decimals in _compare_figures(context, results)
    ]
    compared = [entry for entry in found if entry[2].verdict in _ORDER]
    compared.sort(key=lambda entry: (_ORDER[entry[2].verdict], -abs(entry[2].share or 0), entry[0], entry[1]))
    rows = [
        [Value(text=title), Value(text=where), *change.list_cells(unit, decimals)]
        for title, where, change, unit, decimals in compared
    ]
    same = sum(entry[2].verdict == "same" for entry in found)
    worse = [_name_figure(title, where) for title, where, change, *_ in compared if change.verdict == "worse"]
    better = [_name_figure(title, where) for title, where, change, *_ in compared if change.verdict == "better"]
    return Section(
        TITLE,
        [_build_table(rows, same)],
        facts=[_count_changes(len(better), len(worse))],
        findings=_list_findings(better, worse),
    )


def _name_figure(title: str, where: str) -> str:
    return f"{title.lower()} ({where})" if where else title.lower()


def _build_table(rows: list[list[Value]], same: int) -> Table | Text:
    if not rows:
        return Text("same", [f"All {count_of(same, 'figure')} are about the same as in the previous period."])
    omitted = max(len(rows) - _MAX_ROWS, 0)
    caption = f"Compared with the previous period; {count_of(same, 'other figure')} about the same"
    return Table("changes", caption, _COLUMNS, rows[:_MAX_ROWS], omitted)


def _count_changes(better: int, worse: int) -> Fact:
    tone: Tone = "warning" if worse > better else "good" if better else "none"
    return Fact(
        "changes", "Compared with the previous period", Value(text=f"{worse} worse", tone=tone), f"{better} better"
    )


def _list_findings(better: list[str], worse: list[str]) -> list[Finding]:
    findings = []
    if worse:
        findings.append(Finding(f"Worse than in the previous period: {join_names(worse)}.", "warning"))
    if better:
        findings.append(Finding(f"Better than in the previous period: {join_names(better)}.", "good"))
    return findings


def _compare_figures(context: Context, results: Results) -> Iterator[tuple[str, str, Change, str, int | None]]:
    """Yield title, place, change, unit and decimals of every figure and series."""
    for figure in (*_FIGURES, *_RANGE_EXPRESSIONS.values()):
        pairs = (
            _read_means(context, results, figure.title) if figure.way == "mean" else _read_pairs(results, figure.title)
        )
        for where, (now, before) in sorted(pairs.items()):
            change = Change(now, before, figure.bad, figure.least, figure.least_share)
            yield figure.title, where, change, figure.unit, figure.decimals
    for title, unit in _OF_CONTAINERS.items():
        for where, (now, before) in _read_means(context, results, title).items():
            yield title, where, Change(now, before), unit, None
    if context.history_before is not None:
        periods = [list_firings(history.firings) for history in (context.history, context.history_before)]
        now, before = (float(len(firings)) for firings in periods)
        yield "Alerts fired", "", Change(now, before, "up", 1, 0.1), "none", None
        now, before = (total_seconds(firings) for firings in periods)
        yield "Time with alerts", "", Change(now, before, "up", 600, 0.1), "s", None


def _read_means(context: Context, results: Results, title: str) -> dict[str, tuple[float | None, float | None]]:
    return {
        _name_place(row.labels): (mean_of(context.take_period(row.values)), mean_of(context.take_previous(row.values)))
        for row in results.read_rows(title)
    }


def _read_pairs(results: Results, title: str) -> dict[str, tuple[float | None, float | None]]:
    now, before = (
        {_name_place(sample.labels): sample.value for sample in results.read_samples(f"{title} {moment}")}
        for moment in ("now", "before")
    )
    return {where: (now.get(where), before.get(where)) for where in {**now, **before}}


def _name_place(labels: Mapping[str, str]) -> str:
    return " ".join(value for _, value in sorted(labels.items()) if value)
