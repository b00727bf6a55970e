"""Expressions are PromQL, with metrics and labels of the catalogue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from deckwatch.core import expressions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.read.spec import PanelSpec
    from deckwatch.dashboards.resolve.queries import Query


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield syntax errors, unknown metrics and labels; those of signals are reported where these are declared."""
    for item in built:
        document = item.dashboard.document
        for panel, queries in item.panels_for_check("promql"):
            for query in queries:
                yield from _check_agreement(panel, query, catalog)
                if query.signal is None:
                    problems = expressions.expression_problems(query.source, catalog, query.place_of)
                    yield from (problem for problem in problems if problem.check not in panel.allow)
        for path, name in item.dashboard.needed_metrics:
            if catalog.series(name) is None:
                hint = expressions.hint_for_metric(name, catalog)
                yield document.problem(path, f"no metric is called {name}", hint, check="promql_metric")


def _check_agreement(panel: PanelSpec, query: Query, catalog: Catalog) -> Iterator[Problem]:
    """Yield the problems of the expression that a query must agree with."""
    path = (*(query.spec.options_path if query.spec.agrees_with else panel.path), "agrees_with")
    if text := query.spec.agrees_with or panel.agrees_with:
        yield from expressions.expression_problems(text, catalog, partial(panel.document.place_in_text, path))
