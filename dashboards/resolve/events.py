"""What is marked in the graphs beside alerts: deploys, restarts, what a figure's change or a note in Grafana tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.core import expressions, promql
from deckwatch.dashboards.panel_types import PanelType
from deckwatch.dashboards.read.spec import Panel
from deckwatch.dashboards.resolve import legends

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.problems import Place
    from deckwatch.dashboards.read.spec import Dashboard
    from deckwatch.dashboards.resolve.queries import Resolver

# An event asks for its figure as a panel does.
_TYPE = PanelType("event", {}, {}, {}, "range", 1, 1, {})


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event. `expr` returns a series at the moment of each; '' for what is noted in Grafana itself."""

    said: Mapping[str, Any]
    expr: str
    text: str
    place: Place


def read(dashboard: Dashboard, resolver: Resolver) -> Iterator[Event]:
    """Yield the events of a dashboard; what is wrong with them is added to the resolver's problems."""
    for i, said in enumerate(dashboard.said("events", [])):
        path = ("events", i)
        place = dashboard.document.place(path)
        if "tags" in said:
            yield Event(said, "", "", place)
            continue
        text = said["changes"].strip()
        shown: Sequence[str] | None
        if resolver.catalog.series(text) is not None:
            # Of a metric each change counts, also where panels would draw its rate.
            asked, shown = resolver.scoped(text), legends.distinguishing_labels(text, None, resolver.catalog)
        else:
            found = resolver.panel(Panel("changes", _TYPE, said, dashboard.document, path, ()))
            if not found:
                continue
            (query,) = found
            if query.signal is None:
                resolver.problems += expressions.expression_problems(query.source, resolver.catalog, query.place_of)
            asked, shown = f"({query.expr})", query.shown
            if not query.sound:
                continue
        # A new series is an event too: a new version is one of `app_build_info`.
        before = _before(asked)
        expr = f"({asked} unless {before}) or ({asked} != {before})"
        labels = " ".join("{{" + label + "}}" for label in shown or ())
        yield Event(said, expr, labels, place)


def _before(expr: str) -> str:
    """Return an expression for what was one step earlier: each selection in it is shifted, but for those that are."""
    result, position = [], 0
    for selector in promql.find_selectors(expr):
        end = expr.index("]", selector.end) + 1 if selector.window else selector.end
        if not expr[end:].lstrip().startswith("offset"):
            result.append(expr[position:end] + " offset $__interval")
            position = end
    return "".join(result) + expr[position:]
