"""Infer the unit of an expression's result from the units of its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core import promql, promql_parser_text, units

if TYPE_CHECKING:
    from deckwatch.core.catalog import Catalog

_RATES = frozenset(("rate", "irate", "deriv"))
# Functions and aggregations whose result has the unit of their argument.
_UNIT_PRESERVING = frozenset(
    (
        *("increase", "delta", "idelta", "abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max"),
        *("sort", "sort_desc", "avg_over_time", "max_over_time", "min_over_time", "sum_over_time", "last_over_time"),
        *("quantile_over_time", "label_replace", "label_join", "scalar", "predict_linear", "histogram_quantile"),
    )
)
_COUNTING = frozenset(("count", "count_over_time", "changes", "resets", "count_values"))
# Grafana unit ids that show values of a unit unchanged; the first is the default.
GRAFANA_UNITS: dict[str, tuple[str, ...]] = {
    "seconds": ("s", "dtdurations", "dthms", "dtdhms", "clocks"),
    "milliseconds": ("ms", "dtdurationms", "clockms"),
    "bytes": ("bytes", "decbytes"),
    "bits": ("bits", "decbits"),
    "bytes/s": ("binBps", "Bps"),
    "bits/s": ("bps", "binbps"),
    "ratio": ("percentunit",),
    "percent": ("percent",),
    "celsius": ("celsius",),
    "hertz": ("hertz",),
    "volts": ("volt",),
    "watts": ("watt",),
    "minutes": ("m",),
    "hours": ("h",),
    "days": ("d",),
    "microseconds": ("µs",),
    "nanoseconds": ("ns",),
    # A count has no unit; the average of zeros and ones is a ratio.
    "count": ("percentunit",),
    "per second": (),
}
_CHECKED_UNITS = {unit_id for ids in GRAFANA_UNITS.values() for unit_id in ids}
_QUOTIENT_UNITS = {
    ("ratio", "per second"): "seconds",  # average duration: seconds per second divided by events per second
    ("bytes/s", "per second"): "bytes",
    ("bytes", "bytes/s"): "seconds",
}
_UNDECLARED_SOURCES = frozenset(("project", "recording"))
_SCALED_UNITS: dict[tuple[str, Any], str] = {
    ("ratio", 100): "percent",
    ("bytes", 8): "bits",
    ("bytes/s", 8): "bits/s",
}
_AGGREGATING = frozenset(("sum", "avg", "max", "min", "topk", "bottomk", "limitk", "quantile", "stddev"))


def infer_unit(text: str, catalog: Catalog) -> str | None:
    """Return the unit of a result as named by the catalogue (seconds, bytes/s, ratio); None if it is uncertain.

    Raises PromqlError.
    """
    known = catalog.units_by_expression
    if text not in known:
        try:
            tree = promql_parser_text.parse_tree(promql.without_variables(text))
        except ValueError as error:
            raise promql.PromqlError(str(error)) from None
        known[text] = _infer_node(tree, catalog)
    return known[text]


def contradicting_unit(unit: str, text: str, catalog: Catalog) -> str:
    """Return the unit of an expression if it certainly differs from the declared `unit`, else ''.

    Raises PromqlError.
    """
    declared = units.GRAFANA.get(unit, unit)
    inferred = infer_unit(text, catalog) if declared in _CHECKED_UNITS else None
    return inferred if inferred in GRAFANA_UNITS and declared not in GRAFANA_UNITS[inferred] else ""


def _infer_node(node: Any, catalog: Catalog) -> str | None:
    kind = type(node).__name__
    if kind == "VectorSelector":
        return _series_unit(node.name, catalog)
    if kind == "MatrixSelector":
        return _infer_node(node.vector_selector, catalog)
    if kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        return _infer_node(node.expr, catalog)
    if kind == "AggregateExpr":
        name = str(node.op).lower()
        return "count" if name in _COUNTING else _infer_node(node.expr, catalog) if name in _AGGREGATING else None
    if kind == "Call":
        return _call_unit(node, catalog)
    return _binary_unit(node, catalog) if kind == "BinaryExpr" else None


def _series_unit(name: str | None, catalog: Catalog) -> str | None:
    info = catalog.series(name) if name else None
    if info is None:
        return None
    if not info.unit:
        # A metric that the catalogue declares without a unit has none.
        return None if info.source in _UNDECLARED_SOURCES else "count"
    # The count of a histogram has no unit; its sum and its bucket limits have one.
    return "count" if name != info.name and str(name).endswith("_count") else info.unit


def _call_unit(node: Any, catalog: Catalog) -> str | None:
    name = node.func.name
    if name in _COUNTING:
        return "count"
    if name in ("time", "timestamp"):
        return "seconds"
    vectors = [arg for arg in node.args if type(arg).__name__ not in ("NumberLiteral", "StringLiteral")]
    if not vectors:
        return None
    if name == "histogram_quantile":
        # The rates of buckets cancel out: what remains is the unit of their limits.
        selectors = promql.find_selectors(str(vectors[-1]))
        return _series_unit(selectors[0].metric, catalog) if len(selectors) == 1 else None
    inner = _infer_node(vectors[0], catalog)
    if name in _RATES:
        return units.rate_of("" if inner == "count" else inner) if inner is not None else None
    return inner if name in _UNIT_PRESERVING else None


def _binary_unit(node: Any, catalog: Catalog) -> str | None:
    left, right = _infer_node(node.lhs, catalog), _infer_node(node.rhs, catalog)
    operator = str(node.op).lower()
    if operator in ("+", "-", "or"):
        if _is_number(node.lhs):
            return right
        return left if left == right or _is_number(node.rhs) else None
    if operator in (">", "<", ">=", "<=", "==", "!=", "and", "unless"):
        return None if node.modifier is not None and node.modifier.return_bool else left
    if operator == "/" and left is not None and left == right:
        return "ratio" if left not in ("count", "per second") else "count"  # a share, or a number of one per other
    if operator == "/":
        return _QUOTIENT_UNITS.get((left or "", right or "")) or _average_unit(node, catalog)
    if operator == "*":
        return _scaled_unit(left, node.rhs) or _scaled_unit(right, node.lhs)
    return None


def _average_unit(node: Any, catalog: Catalog) -> str | None:
    """Return the unit of `x_sum / x_count`, also of their rates."""
    above, below = promql.find_selectors(str(node.lhs)), promql.find_selectors(str(node.rhs))
    if len(above) != 1 or len(below) != 1 or not (above[0].metric or "").endswith("_sum"):
        return None
    name = (above[0].metric or "").removesuffix("_sum")
    return _series_unit(above[0].metric, catalog) if below[0].metric == f"{name}_count" else None


def _scaled_unit(unit: str | None, factor: Any) -> str | None:
    value = factor.val if type(factor).__name__ == "NumberLiteral" else None
    return _SCALED_UNITS.get((unit or "", value))


def _is_number(node: Any) -> bool:
    kind = type(node).__name__
    return _is_number(node.expr) if kind in ("ParenExpr", "UnaryExpr") else kind == "NumberLiteral"
