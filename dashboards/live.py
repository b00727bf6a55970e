"""The queries of dashboards as `verify` sends them to a live Prometheus."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from deckwatch.core.expected_result import NO_EXPECTATION, ExpectedResult
from deckwatch.core.json_types import as_list, as_object, as_text
from deckwatch.dashboards.checks.too_many_series import MAX_SERIES
from deckwatch.dashboards.grafana_model import list_variables, replace_variables, walk_targets
from deckwatch.dashboards.model import panel_title
from deckwatch.dashboards.offered_values import Offer, describe_offer, parse_offer_query
from deckwatch.dashboards.resolve.variables import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.json_types import StrictMapping
    from deckwatch.core.problems import Place
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.read.spec import PanelSpec
    from deckwatch.dashboards.resolve.queries import Query

_LEGEND_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_AUTO_INTERVAL = "1m"  # of an interval variable that Grafana derives from the time range
# Which labels the firing alerts carry depends on their rules.
_ALERTS = re.compile(r"\bALERTS\b")
_OPTIONAL = "container_label_"  # which of these labels a container has depends on who starts it
# Labels that a join adds where there is something to join: `a * on (id) group_left (title) b or a unless on (id) b`.
_JOINED_LABELS = re.compile(r"\bgroup_left\s*\(([^)]*)\)")
_OR = re.compile(r"\bor\b")
_UNLESS_ON = re.compile(r"\bunless\s+on\b")

Mode = Literal["range", "instant"]


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """One query of a dashboard.

    `expr` contains Grafana's variables, which `to_promql` replaces. `empty` is the reason why it may return nothing,
    '' if it may not. Without the metrics in `needs` this is not monitored here at all; without those in `reads` an
    empty result says nothing. `offer` is that of a variable.
    """

    uid: str
    dashboard: str
    kind: Literal["panel", "variable", "annotation"]
    title: str
    ref: str
    expr: str
    mode: Mode
    place: Place
    empty: str = ""
    needs: tuple[str, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    wanted: ExpectedResult = NO_EXPECTATION
    reads: tuple[str, ...] = ()
    offer: Offer | None = None

    def to_promql(
        self,
        interval: str = "1m",
        span: str = "1h",
        values: Mapping[str, str] | None = None,
        *,
        text: str | None = None,
    ) -> str:
        """Return PromQL without variables: their value is "All" unless `values` has another.

        `interval` is the value of Grafana's intervals (at least four scrapes), `span` the displayed time. `text` is
        another expression of the same panel.
        """
        known = {
            "__rate_interval": interval,
            "__interval": interval,
            "__interval_ms": "60000",
            "__range": span,
            "__range_s": "3600",
            **dict(self.inputs),
            **(values or {}),
        }
        return replace_variables(self.expr if text is None else text, lambda name: known.get(name, ALL))


def list_queries(built: Built, model: StrictMapping) -> Iterator[LiveQuery]:
    """Yield every query of a dashboard: those of variables, panels and annotations, in that order.

    `model` is the rendered dashboard, which tells whether a panel runs a range or an instant query.
    """
    dashboard = built.dashboard
    uid, title = dashboard.uid, dashboard.title
    needs = (dashboard.needs,) if dashboard.needs else ()
    for variable in built.variables:
        expr, place, offer = variable.expr, variable.place, Offer(variable.name, variable.name)
        yield LiveQuery(
            uid, title, "variable", variable.title, variable.name, expr, "instant", place, needs=needs, offer=offer
        )
    own = {variable.name for variable in built.variables}
    place = dashboard.document.place(("raw", "templating"))
    for query in list_model_variables(model, place, inputs=tuple(_named_inputs(model))):
        if query.ref not in own:
            yield replace(query, uid=uid, dashboard=title, needs=needs)
    yield from _list_panel_queries(built, model)
    for event in built.events:
        if event.expr:
            name, reason = event.spec.title, event.spec.empty or "nothing has changed"
            yield LiveQuery(uid, title, "annotation", name, name, event.expr, "range", event.place, reason)
    place = dashboard.document.place(("dashboard",))
    reason = "no alert fires"
    yield LiveQuery(uid, title, "annotation", "Alerts", "Alerts", built.alerts, "range", place, reason)


def list_model_variables(
    model: StrictMapping, place: Place, empty: str = "", inputs: tuple[tuple[str, str], ...] = ()
) -> Iterator[LiveQuery]:
    """Yield the queries of the variables in a Grafana model; `empty` is the reason why they may offer nothing."""
    uid, title = as_text(model.get("uid")), as_text(model.get("title"))
    for variable in list_variables(model):
        query = parse_offer_query(variable) if variable.get("type") == "query" else None
        if query is not None:
            offer = describe_offer(variable, query.label)
            name = as_text(variable.get("label")) or offer.name
            yield LiveQuery(
                uid,
                title,
                "variable",
                name,
                offer.name,
                query.expr,
                "instant",
                place,
                empty,
                inputs=inputs,
                offer=offer,
            )


def _named_inputs(model: StrictMapping) -> Iterator[tuple[str, str]]:
    """Yield the variables with a value before any query runs, each with it; they are part of queries."""
    return ((as_text(variable["name"]), value) for variable, value in _list_inputs(model) if value)


def _list_panel_queries(built: Built, model: StrictMapping) -> Iterator[LiveQuery]:
    inputs = tuple(_named_inputs(model))
    modes = {(panel["id"], target["refId"]): target.get("range", True) for panel, target in walk_targets(model)}
    # What panel files derive from queries, such as A_before from A.
    derived: dict[object, list[str]] = {}
    for panel_model, target in walk_targets(model):
        if "_" in as_text(target.get("refId")):
            derived.setdefault(panel_model["id"], []).append(as_text(target.get("expr")))
    ids = built.ids_by_name()
    for panel in built.dashboard.panels():
        queries = built.queries[panel.path]
        number = ids[built.panel_name(panel)]
        for query in queries:
            yield LiveQuery(
                built.dashboard.uid,
                built.dashboard.title,
                "panel",
                panel_title(panel, queries),
                query.ref,
                query.expr,
                "range" if modes.get((number, query.ref), True) else "instant",
                query.place,
                query.spec.empty or panel.empty,
                panel.needs,
                inputs,
                _expect_result(panel, query),
            )
        for expr in derived.get(number, ()):
            yield LiveQuery(
                built.dashboard.uid,
                built.dashboard.title,
                "panel",
                panel_title(panel, queries),
                "derived",
                expr,
                "instant",
                panel.place,
                "a change of the panel's value",
                panel.needs,
                inputs,
            )


def _expect_result(panel: PanelSpec, query: Query) -> ExpectedResult:
    """Return the conditions on the result of a query, from its panel."""
    kind = panel.type.queries
    legend_labels = [] if _ALERTS.search(query.expr) else _LEGEND_LABEL.findall(query.legend)
    by = () if _ALERTS.search(query.expr) else query.spec.by or panel.by or ()
    columns = by if kind == "table" and "across" not in panel.options else ()
    optional = _list_joined_labels(query.expr)
    labels = [label for label in dict.fromkeys([*columns, *legend_labels]) if label not in optional]
    return ExpectedResult(
        "table" if columns else "heatmap" if kind in ("heatmap", "buckets") and query.has_buckets else "",
        tuple(label for label in labels if not label.startswith(_OPTIONAL)),
        query.spec.agrees_with or panel.agrees_with,
        0 if "too_many_series" in panel.allow else MAX_SERIES.get(kind, 0),
    )


def _list_joined_labels(expr: str) -> set[str]:
    """Return the labels of an expression's joins that series without a partner lack."""
    first = _OR.search(expr)
    if first is None or not _UNLESS_ON.search(expr, first.end()):
        return set()
    return {label.strip() for match in _JOINED_LABELS.finditer(expr) for label in match[1].split(",")}


def _list_inputs(model: StrictMapping) -> Iterator[tuple[StrictMapping, str]]:
    """Yield the variables without a query, each with its first value in a query; '' if none."""
    for variable in list_variables(model):
        value = as_object(variable.get("current")).get("value", "")
        if variable["type"] in ("custom", "textbox", "constant"):
            yield variable, "|".join(map(str, as_list(value))) if isinstance(value, list) else str(value)
        elif variable["type"] == "interval":
            yield variable, str(value) if value and "$" not in str(value) else _AUTO_INTERVAL
