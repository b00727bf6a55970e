"""A web shop: revenue and conversion beside response times.

The metrics are those of `deckwatch new web-shop`; `deckwatch.instrument` has them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.reports.graphs import Plot, draw_rows
from deckwatch.reports.model import Column, Fact, Finding, Section, Table, Value
from deckwatch.reports.numbers import Change, mean_of
from deckwatch.reports.queries import Query
from deckwatch.reports.texts import format_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.reports.context import Context
    from deckwatch.reports.numbers import Direction
    from deckwatch.reports.queries import Results

TITLE = "Shop"
ORDER = 70
AUDIENCE = "shop"

_LEAST_POINTS = 24  # with conversion and response time, before the two are compared
_LEAST_DIFFERENCE = 0.01
_CURRENCIES = {"EUR": "currencyEUR", "USD": "currencyUSD", "GBP": "currencyGBP", "CHF": "currencyCHF"}
_COLUMNS = (
    Column("figure", "Figure", is_number=False),
    Column("now", "Now"),
    Column("before", "Before"),
    Column("change", "Change"),
    Column("verdict", "Verdict", is_number=False),
)
_AMOUNTS = {
    "started": "sum(increase(shop_checkouts_started_total[{window}]))",
    "completed": "sum(increase(shop_checkouts_completed_total[{window}]))",
    "paid": 'sum(increase(shop_orders_total{{status="paid"}}[{window}]))',
    "orders": "sum(increase(shop_orders_total[{window}]))",
    "carts": "sum(increase(shop_carts_created_total[{window}]))",
    "abandoned": "sum(increase(shop_carts_abandoned_total[{window}]))",
}
_REVENUE = "sum by (currency) (increase(shop_revenue_total[{window}]))"


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: amounts of both periods, and the course of revenue, conversion and response times."""
    window, point = context.window, context.point_window
    queries: dict[str, Query] = {}
    for name, expr in {**_AMOUNTS, "revenue": _REVENUE}.items():
        queries |= {
            f"{name} now": Query(expr.format(window=window)),
            f"{name} before": Query(expr.format(window=window), "start"),
        }
    rates = [f"sum(rate(shop_checkouts_{part}_total[{point}]))" for part in ("completed", "started")]
    return queries | {
        "revenue_series": Query(f"3600 * sum by (currency) (rate(shop_revenue_total[{point}]))", "grid"),
        "conversion_series": Query(f"{rates[0]} / ({rates[1]} > 0)", "grid"),
        # Of the service that sells, not of all.
        "latency_series": Query(
            f"histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket[{point}]))"
            " and on (service) group by (service) (shop_revenue_total))",
            "grid",
        ),
    }


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; None without sales and checkouts."""
    revenue, revenue_before = _read_revenue(results, "now"), _read_revenue(results, "before")
    amounts = {name: (_read_amount(results, name, "now"), _read_amount(results, name, "before")) for name in _AMOUNTS}
    if not revenue and amounts["started"][0] is None:
        return None
    rows = [
        [
            Value(text=f"Revenue {currency}".strip()),
            *Change(value, revenue_before.get(currency), "down").list_cells(_CURRENCIES.get(currency, "short")),
        ]
        for currency, value in sorted(revenue.items(), key=lambda item: -item[1])
    ]
    conversion = _compute_shares(amounts, "completed", "started")
    rows += [
        _build_row("Checkouts started", amounts["started"], "short"),
        _build_row("Orders paid", amounts["paid"], "short", "down"),
        _build_row("Conversion", conversion, "percentunit", "down", 0.005),
        _build_row(
            "Orders not paid",
            _complement_shares(_compute_shares(amounts, "paid", "orders")),
            "percentunit",
            "up",
            0.005,
        ),
        _build_row("Abandoned carts", _compute_shares(amounts, "abandoned", "carts"), "percentunit", "up", 0.005),
    ]
    rows = [row for row in rows if row[1].is_known]
    table = Table("figures", "This and the previous period", _COLUMNS, rows)
    graphs = [
        *draw_rows(
            context,
            results.read_rows("revenue_series"),
            Plot("revenue", "Revenue per hour", "short", "currency", "revenue"),
        ),
        *draw_rows(
            context,
            results.read_rows("conversion_series"),
            Plot("conversion", "Conversion", "percentunit", otherwise="orders of checkouts"),
        ),
        *draw_rows(context, results.read_rows("latency_series"), Plot("latency", "Latency p95", "s", "service")),
    ]
    return Section(
        TITLE,
        [table, *graphs],
        _list_facts(revenue, revenue_before, conversion),
        _compare_conversion(context, results),
    )


def _list_facts(
    revenue: Mapping[str, float], before: Mapping[str, float], conversion: tuple[float | None, float | None]
) -> list[Fact]:
    facts = []
    for currency, value in sorted(revenue.items(), key=lambda item: -item[1])[:1]:
        share = Change(value, before.get(currency)).format_share()
        note = f"{share} on the previous period" if share else ""
        facts.append(Fact("revenue", "Revenue", Value(value, _CURRENCIES.get(currency, "short")), note))
    if conversion[0] is not None:
        note = "" if conversion[1] is None else f"{100 * conversion[1]:.3g} % before"
        facts.append(Fact("conversion", "Conversion", Value(conversion[0], "percentunit"), note))
    return facts


def _compare_conversion(context: Context, results: Results) -> list[Finding]:
    """Return whether fewer checkouts end with an order while the shop is slow."""
    conversions, latencies = results.read_rows("conversion_series"), results.read_rows("latency_series")
    if len(conversions) != 1 or len(latencies) != 1:
        return []
    pairs = [
        (slow, share)
        for slow, share in zip(
            context.take_period(latencies[0].values), context.take_period(conversions[0].values), strict=True
        )
        if slow is not None and share is not None
    ]
    if len(pairs) < _LEAST_POINTS:
        return []
    pairs.sort()
    cut = len(pairs) * 3 // 4
    usual, slow = (mean_of([share for _, share in part]) or 0.0 for part in (pairs[:cut], pairs[cut:]))
    if abs(usual - slow) < _LEAST_DIFFERENCE:
        return []
    limit = format_seconds(pairs[cut][0])
    text = (
        f"In the slowest quarter of the time (95 % within {limit} or more) the conversion was {100 * slow:.1f} %, "
        f"otherwise {100 * usual:.1f} %."
    )
    return [Finding(text, "warning" if slow < usual else "none")]


def _build_row(
    title: str,
    values: tuple[float | None, float | None],
    unit: str,
    bad: Direction = "none",
    least: float = 0.0,
) -> list[Value]:
    return [Value(text=title), *Change(*values, bad, least).list_cells(unit)]


def _compute_shares(
    amounts: Mapping[str, tuple[float | None, float | None]], part: str, whole: str
) -> tuple[float | None, float | None]:
    return _divide_parts(amounts[part][0], amounts[whole][0]), _divide_parts(amounts[part][1], amounts[whole][1])


def _complement_shares(shares: Sequence[float | None]) -> tuple[float | None, float | None]:
    now, before = (None if share is None else 1 - share for share in shares)
    return now, before


def _divide_parts(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _read_amount(results: Results, name: str, moment: str) -> float | None:
    return next((sample.value for sample in results.read_samples(f"{name} {moment}")), None)


def _read_revenue(results: Results, moment: str) -> dict[str, float]:
    return {sample.labels.get("currency", ""): sample.value for sample in results.read_samples(f"revenue {moment}")}
