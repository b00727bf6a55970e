"""Events drawn in the graphs beside alerts: deploys, restarts, changes of a value, Grafana's own annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core import expressions, promql
from deckwatch.dashboards.panel_types import PanelType
from deckwatch.dashboards.read.spec import PanelSpec, QuerySpec
from deckwatch.dashboards.resolve import legends

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.problems import Place
    from deckwatch.dashboards.read.spec import Dashboard, EventSpec
    from deckwatch.dashboards.resolve.queries import Resolver

# The expression of an event is resolved like that of a panel.
_TYPE = PanelType("event", {}, {}, {}, "range", 1, 1, {})


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event. `expr` returns a series at the moment of each; '' for Grafana's own annotations."""

    spec: EventSpec
    expr: str
    text: str
    place: Place


def resolve_events(dashboard: Dashboard, resolver: Resolver) -> Iterator[Event]:
    """Yield the events of a dashboard; what is wrong with them is added to the resolver's problems."""
    for spec in dashboard.events:
        place = dashboard.document.place(spec.path)
        if spec.tags:
            yield Event(spec, "", "", place)
            continue
        labels: Sequence[str] | None
        if resolver.catalog.series(spec.changes) is not None:
            # Each change of a metric counts, also where a panel would draw its rate.
            expr = resolver.add_scope(spec.changes)
            labels = legends.distinguishing_labels(spec.changes, None, resolver.catalog)
        else:
            path = (*spec.path, "changes")
            query_spec = QuerySpec(spec.changes, path, path)
            panel = PanelSpec("changes", _TYPE, spec.changes, dashboard.document, spec.path, (query_spec,))
            queries = resolver.resolve_panel(panel)
            if not queries:
                continue
            (query,) = queries
            if query.signal is None:
                resolver.problems += expressions.expression_problems(query.source, resolver.catalog, query.place_of)
            expr, labels = f"({query.expr})", query.labels
            if not query.is_valid:
                continue
        # A new series is an event too: a new version is one of `app_build_info`.
        before = _shift_back(expr)
        text = " ".join("{{" + label + "}}" for label in labels or ())
        yield Event(spec, f"({expr} unless {before}) or ({expr} != {before})", text, place)


def _shift_back(expr: str) -> str:
    """Return the expression one step earlier: each selector gets an offset, unless it has one."""
    result, position = [], 0
    for selector in promql.find_selectors(expr):
        end = expr.index("]", selector.end) + 1 if selector.window else selector.end
        if not expr[end:].lstrip().startswith("offset"):
            result.append(expr[position:end] + " offset $__interval")
            position = end
    return "".join(result) + expr[position:]
