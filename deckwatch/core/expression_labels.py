"""Infer the labels that the result of an expression can carry from the catalogue's declarations.

Joins and aggregations drop labels: a rule that names a dropped label silently matches nothing. The rules are those of
Prometheus (promql/engine.go: `resultMetric`, `aggregation`).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from deckwatch.core import promql, promql_parser_text
from deckwatch.core.contract import load_contract

if TYPE_CHECKING:
    from deckwatch.core.catalog import Catalog

RECORDING = "recording"  # the source of a recorded metric

Labels = frozenset[str]  # None in its place: unknown, any label is possible

_LABEL_PRESERVING = frozenset(
    ("topk", "bottomk", "limitk", "limit_ratio")
)  # these keep all labels of the series they select
_WITHOUT_LABELS = frozenset(("scalar", "time", "vector", "pi"))
_SET_OPERATORS = frozenset(("and", "or", "unless"))


@functools.cache
def target_labels(metric: str = "") -> Labels:
    """Return the labels that Prometheus sets on the targets of a metric, by default on all; and its external labels."""
    agreed = load_contract()
    own = {
        name
        for name, label in agreed["labels"].items()
        if label["set_by"] == "prometheus" and metric.startswith(tuple(label.get("only_on", ("",))))
    }
    # `service` is also the label of a `scrape:` entry, so any metric of an application may carry it.
    return frozenset(own | {"service"} | set(agreed["external_labels"]))


def series_labels(name: str, catalog: Catalog) -> Labels | None:
    """Return the labels that a series of this name can carry; None if not all are known."""
    info = catalog.series(name)
    if info is None or info.open_labels:
        return None
    if info.source == RECORDING:
        return catalog.labels(name)  # what its expression keeps, without target labels
    return catalog.labels(name) | target_labels(name)


def metric_labels(name: str, catalog: Catalog) -> Labels | None:
    """Return the labels of a metric by its own name (for a histogram: without `le`); None if not all are known."""
    info = catalog.get(name) or catalog.series(name)
    if info is None or info.open_labels:
        return None
    return frozenset(info.labels) | target_labels(name)


def result_labels(text: str, catalog: Catalog) -> Labels | None:
    """Return the labels that the result can carry; None if not all are known. Raises PromqlError."""
    known = catalog.labels_by_expression
    if text not in known:
        known[text] = _node_labels(_parse_tree(text), catalog)
    return known[text]


@functools.lru_cache(maxsize=4096)
def _parse_tree(text: str) -> Any:
    try:
        return promql_parser_text.parse_tree(promql.without_variables(text))
    except ValueError as error:
        raise promql.PromqlError(str(error)) from None


def _node_labels(node: Any, catalog: Catalog) -> Labels | None:
    kind = type(node).__name__
    if kind == "VectorSelector":
        return series_labels(node.name, catalog) if node.name else None
    if kind == "MatrixSelector":
        return _node_labels(node.vector_selector, catalog)
    if kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        return _node_labels(node.expr, catalog)
    if kind == "AggregateExpr":
        return _aggregation_labels(node, catalog)
    if kind == "Call":
        return _call_labels(node, catalog)
    if kind == "BinaryExpr":
        return _binary_labels(node, catalog)
    return frozenset()  # a number or a string


def _aggregation_labels(node: Any, catalog: Catalog) -> Labels | None:
    name = str(node.op).lower()
    inner = _node_labels(node.expr, catalog)
    if name in _LABEL_PRESERVING:
        return inner
    listed = frozenset(node.modifier.labels) if node.modifier is not None else frozenset()
    if node.modifier is not None and str(node.modifier.type).endswith("Without"):
        result = None if inner is None else inner - listed
    else:
        result = listed if inner is None else listed & inner
    if name == "count_values" and result is not None:
        return result | {node.param.val}
    return result


def _call_labels(node: Any, catalog: Catalog) -> Labels | None:
    name = node.func.name
    if name in _WITHOUT_LABELS or not node.args:
        return frozenset()
    if name in ("absent", "absent_over_time"):
        selector = next((s for s in promql.find_selectors(str(node.args[0]))), None)
        return frozenset(m.label for m in selector.matchers if m.op == "=") if selector is not None else frozenset()
    vectors = [arg for arg in node.args if type(arg).__name__ not in ("NumberLiteral", "StringLiteral")]
    inner = (
        _node_labels(vectors[-1] if name == "histogram_quantile" else vectors[0], catalog) if vectors else frozenset()
    )
    if inner is None:
        return None
    if name == "histogram_quantile":
        return inner - {"le"}
    if name in ("label_replace", "label_join"):
        return inner | {node.args[1].val}
    return inner


def _binary_labels(node: Any, catalog: Catalog) -> Labels | None:
    left, right = _node_labels(node.lhs, catalog), _node_labels(node.rhs, catalog)
    if _is_scalar(node.lhs):
        return right
    if _is_scalar(node.rhs):
        return left
    operator = str(node.op).lower()
    if operator in _SET_OPERATORS:
        if operator != "or":
            return left
        return None if left is None or right is None else left | right
    modifier = node.modifier
    card = str(modifier.card).rpartition(".")[2] if modifier is not None else ""
    if card in ("ManyToOne", "OneToMany"):
        many = left if card == "ManyToOne" else right
        return None if many is None else many | frozenset(modifier.group_labels or ())
    matching = modifier.matching if modifier is not None else None
    if matching is None:
        return left if right is None or left is None else left & right
    listed = frozenset(matching.labels)
    if str(matching.type).endswith("Exclude"):
        return None if left is None else left - listed
    return listed if left is None else listed & left


def _is_scalar(node: Any) -> bool:
    kind = type(node).__name__
    if kind in ("ParenExpr", "UnaryExpr"):
        return _is_scalar(node.expr)
    if kind == "BinaryExpr":
        return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return kind == "NumberLiteral" or (kind == "Call" and node.func.name in ("scalar", "time", "pi"))
