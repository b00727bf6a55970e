"""Objectives: what was target, what was met, and how much of the error budget is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.reports.graphs import Plot, draw_rows
from deckwatch.reports.model import Column, Fact, Finding, Section, Table, Value
from deckwatch.reports.queries import Query
from deckwatch.reports.texts import format_seconds, join_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.reports.context import Context
    from deckwatch.reports.model import Tone
    from deckwatch.reports.queries import Results

TITLE = "Objectives"
ORDER = 10
AUDIENCE = ""

_COLUMNS = (
    Column("objective", "Objective", is_number=False),
    Column("service", "Service", is_number=False),
    Column("target", "Target"),
    Column("actual", "Actual"),
    Column("actual_before", "Before"),
    Column("used", "Budget used"),
    Column("lost_seconds", "Equivalent downtime"),
    Column("budget_left", "Budget left"),
    Column("budget_window", "Budget window"),
    Column("result", "Result", is_number=False),
)
_DECIMALS = 2
_LOW_BUDGET = 0.25
_RESULTS = ("missed", "no data", "met")  # in their order

Key = tuple[str, str]  # objective and service


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: ratios of this and the previous period, and budgets of the objectives' own windows."""
    window = context.window
    bad, everything = (
        f"max by (objective, service) (avg_over_time(objective:{part}:rate5m[{context.point_window}]))"
        for part in ("bad", "all")
    )
    actual = context.signal_over_range("objectives.kept_in_range")
    return {
        # Objectives that existed at any time of the range, also without a single event.
        "allowed": Query(f"max by (objective, service) (last_over_time(objective:budget:ratio[{window}]))"),
        "actual": Query(_by_objective(actual)),
        "actual_before": Query(_by_objective(actual), "start"),
        "budget_left": Query(context.signal_over_range("objectives.budget_left")),
        # The window of the budget that is left; all other figures are of the range.
        "budget_window": Query(f"max by (objective, service) (last_over_time(objective:period:seconds[{window}]))"),
        "lost": Query(_by_objective(context.signal_over_range("objectives.time_lost_in_range"))),
        "series": Query(f"{bad} / ({everything} > 0)", "grid"),
    }


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; None without objectives."""
    allowed = _read_values(results, "allowed")
    if not allowed:
        return None
    names = ("actual", "actual_before", "budget_left", "budget_window", "lost")
    figures = {name: _read_values(results, name) for name in names}
    rows, missed, unknown, low = [], [], [], []
    for key in sorted(allowed):
        actual, target = figures["actual"].get(key), 1 - allowed[key]
        left = figures["budget_left"].get(key)
        result, tone = _judge_objective(actual, target)
        if result == "missed":
            missed.append((key, actual, target))
        elif result == "no data":
            unknown.append(key[0])
        elif left is not None and left < _LOW_BUDGET:
            low.append(key[0])
        used = None if actual is None or not allowed[key] else (1 - actual) / allowed[key]
        rows.append(
            [
                Value(text=key[0]),
                Value(text=key[1]),
                Value(target, "percentunit", decimals=_DECIMALS),
                Value(actual, "percentunit", decimals=_DECIMALS, tone=tone),
                Value(figures["actual_before"].get(key), "percentunit", decimals=_DECIMALS),
                Value(used, "percentunit", decimals=0),
                Value(figures["lost"].get(key), "s"),
                Value(left, "percentunit", decimals=0, tone=_judge_budget(left)),
                Value(figures["budget_window"].get(key), "s"),
                Value(text=result, tone=tone),
            ]
        )
    rows.sort(key=lambda row: (_RESULTS.index(row[-1].text), row[0].text))
    met = len(rows) - len(missed) - len(unknown)
    error_rows = results.read_rows("series")
    graphs = draw_rows(context, error_rows, Plot("bad", "Error ratio", "percentunit", "objective"))
    table = Table("objectives", "Target and actual in this period", _COLUMNS, rows)
    return Section(
        TITLE,
        blocks=[table, *graphs],
        facts=[_count_met(met, len(rows), bool(missed))],
        findings=[*_describe_missed(missed, figures["lost"]), *_describe_others(unknown, low, met, len(rows))],
    )


def _by_objective(expr: str) -> str:
    """Return the expression with one series for each objective, whatever other labels its series have."""
    return f"min by (objective, service) ({expr})" if expr else ""


def _read_values(results: Results, name: str) -> dict[Key, float]:
    return {
        (sample.labels.get("objective", ""), sample.labels.get("service", "")): sample.value
        for sample in results.read_samples(name)
    }


def _judge_objective(actual: float | None, target: float) -> tuple[str, Tone]:
    if actual is None:
        return "no data", "warning"
    # A share is a quotient of sums: the last digits are not exact.
    return ("met", "good") if actual >= target - 1e-9 else ("missed", "bad")


def _judge_budget(left: float | None) -> Tone:
    if left is None:
        return "none"
    return "bad" if left <= 0 else "warning" if left < _LOW_BUDGET else "good"


def _count_met(met: int, total: int, is_missed: bool) -> Fact:
    tone: Tone = "bad" if is_missed else "good" if met == total else "warning"
    return Fact("objectives_met", "Objectives met", Value(text=f"{met} of {total}", tone=tone))


def _describe_missed(missed: Sequence[tuple[Key, float | None, float]], lost: Mapping[Key, float]) -> Sequence[Finding]:
    findings = []
    for key, actual, target in missed:
        text = f"{key[0]} missed its target of {_format_target(target)}: {100 * (actual or 0):.2f} %"
        if (seconds := lost.get(key)) is not None:
            text += f", equivalent to {format_seconds(seconds)} of downtime"
        findings.append(Finding(f"{text}.", "bad"))
    return findings


def _describe_others(unknown: list[str], low: list[str], met: int, total: int) -> list[Finding]:
    findings = []
    if unknown:
        verb = "has" if len(unknown) == 1 else "have"
        findings.append(
            Finding(f"{join_names(unknown)} {verb} no data, so it is not known whether the target was met.", "warning")
        )
    if low:
        findings.append(Finding(f"Less than a quarter of the error budget is left of {join_names(low)}.", "warning"))
    if met == total:
        text = "The objective was met." if total == 1 else f"All {total} objectives were met."
        findings.append(Finding(text, "good"))
    return findings


def _format_target(target: float) -> str:
    return f"{100 * target:.3f}".rstrip("0").rstrip(".") + " %"
