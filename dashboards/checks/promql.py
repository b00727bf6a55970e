"""Expressions are PromQL, and ask for metrics and labels that the catalogue knows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from deckwatch.core import expressions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.read.spec import Panel
    from deckwatch.dashboards.resolve.queries import Query


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield faults of syntax, unknown metrics and labels; those of signals are told where these are declared."""
    for one in built:
        document = one.dashboard.document
        for panel, queries in one.examined("promql"):
            for query in queries:
                yield from _agreeing(panel, query, catalog)
                if query.signal is None:
                    found = expressions.expression_problems(query.source, catalog, query.place_of)
                    yield from (fault for fault in found if fault.check not in panel.said.get("allow", {}))
        for path, name in _needed(document.data):
            if catalog.series(name) is None:
                hint = expressions.hint_for_metric(name, catalog)
                yield document.problem(path, f"no metric is called {name}", hint, check="promql_metric")


def _agreeing(panel: Panel, query: Query, catalog: Catalog) -> Iterator[Problem]:
    """Yield what is wrong with the other way to ask for a query's value."""
    path = (*query.path, "agrees_with") if "agrees_with" in query.said else (*panel.path, "agrees_with")
    if text := query.said.get("agrees_with") or panel.said.get("agrees_with"):
        yield from expressions.expression_problems(text, catalog, partial(panel.document.place_in_text, path))


def _needed(data: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the metrics that a file says it needs, wherever in it."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "needs" and isinstance(value, str):
                yield (*path, key), value
            elif key != "raw":
                yield from _needed(value, (*path, key))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from _needed(value, (*path, i))
