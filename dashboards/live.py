"""The queries of dashboards as a live Prometheus is asked for them: `verify` runs each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core.expected_result import NO_EXPECTATION, ExpectedResult
from deckwatch.dashboards.checks.too_many_series import MAX_SERIES
from deckwatch.dashboards.draw.render import title
from deckwatch.dashboards.resolve.variables import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.problems import Place
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.read.spec import Panel
    from deckwatch.dashboards.resolve.queries import Query

_LEGEND_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_OPTIONAL = "container_label_"  # which containers have is up to those who start them
_VARIABLE = re.compile(r"\$\{?(\w+)(?::\w+)?\}?|\[\[(\w+)\]\]")


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """One query of a dashboard.

    `expr` holds Grafana's variables; `concrete` puts values in their place. `empty` is the reason for which it may
    return nothing, '' where it may not. `needs` are metrics without which this is not watched here at all.
    """

    uid: str
    dashboard: str
    kind: Literal["panel", "variable", "annotation"]
    title: str
    ref: str
    expr: str
    mode: Literal["range", "instant"]
    place: Place
    empty: str = ""
    needs: tuple[str, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    wanted: ExpectedResult = NO_EXPECTATION

    def to_promql(
        self,
        interval: str = "1m",
        span: str = "1h",
        values: Mapping[str, str] | None = None,
        *,
        text: str | None = None,
    ) -> str:
        """Return PromQL without variables: choices are "All" unless `values` says otherwise.

        `interval` stands for Grafana's intervals (four scrapes at least), `span` for the time that is shown. `text`
        is another expression of the same panel.
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
        return _VARIABLE.sub(lambda found: known.get(found[1] or found[2], ALL), self.expr if text is None else text)


def list_queries(built: Built, model: Mapping[str, Any]) -> Iterator[LiveQuery]:
    """Yield every query of a dashboard: its choices', its panels' and its annotation's, in that order.

    `model` is what was rendered of it, for whether a panel asks for a span of time or for now.
    """
    dashboard = built.dashboard
    uid, name = dashboard.uid, dashboard.title
    whole = (dashboard.said("needs"),) if dashboard.said("needs") else ()
    for one in built.variables:
        yield LiveQuery(uid, name, "variable", one.title, one.name, one.expr, "instant", one.place, needs=whole)
    # What is written into a field or picked is part of a query: it holds its first value.
    first = tuple((str(one["name"]), value) for one in _inputs(model) if (value := _current(one)))
    modes = {target["refId"] + str(panel["id"]): target.get("range", True) for panel, target in _targets(model)}
    numbers = built.numbers()
    for panel in dashboard.panels():
        found = built.queries[panel.path]
        for query in found:
            ranged = modes.get(query.ref + str(numbers[built.key(panel)]), True)
            yield LiveQuery(
                uid,
                name,
                "panel",
                title(panel, found),
                query.ref,
                query.expr,
                "range" if ranged else "instant",
                query.place,
                query.said.get("empty") or panel.said.get("empty", ""),
                panel.needs,
                first,
                _wanted(panel, query),
            )
    for event in built.events:
        if event.expr:
            reason = event.said.get("empty", "nothing has changed")
            yield LiveQuery(
                uid,
                name,
                "annotation",
                event.said["title"],
                event.said["title"],
                event.expr,
                "range",
                event.place,
                reason,
            )
    place = dashboard.document.place(("dashboard",))
    reason = "no alert fires"
    yield LiveQuery(uid, name, "annotation", "Alerts", "Alerts", built.alerts, "range", place, reason)


def _wanted(panel: Panel, query: Query) -> ExpectedResult:
    """Return what the answer to a query must look like for its panel to show what it says."""
    kind = panel.type.queries
    named = _LEGEND_LABEL.findall(query.legend)
    lines = panel.said.get("by", []) if kind == "table" and "across" not in panel.said else []
    return ExpectedResult(
        "table" if lines else "heatmap" if kind == "heatmap" else "",
        tuple(label for label in dict.fromkeys([*lines, *named]) if not label.startswith(_OPTIONAL)),
        query.said.get("agrees_with") or panel.said.get("agrees_with", ""),
        0 if "too_many_series" in panel.said.get("allow", {}) else MAX_SERIES.get(kind, 0),
    )


def _inputs(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (one for one in model["templating"]["list"] if one["type"] in ("custom", "textbox"))


def _current(variable: Mapping[str, Any]) -> str:
    """Return what is chosen at first, as it stands in a query; '' where nothing is, as in other people's variables."""
    value = variable.get("current", {}).get("value", "")
    return "|".join(map(str, value)) if isinstance(value, list) else str(value)


def _targets(model: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for panel in model["panels"]:
        for inner in (panel, *panel.get("panels", [])):
            for target in inner.get("targets", []):
                yield inner, target
