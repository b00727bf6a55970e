"""The options of a `pick:` that chooses a metric, used as `{__name__="$NAME"}`, are metrics of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expressions, promql
from deckwatch.core.json_types import as_list, as_object
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.read.spec import Dashboard


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield options that are no metrics, at the list of options."""
    for item in built:
        if not item.dashboard.inputs:
            continue
        names = set()
        for _, queries in item.panels_for_check("picked_metric"):
            for query in queries:
                names |= _find_metric_variables(query.source) if query.is_valid else set()
        for name in sorted(names):
            yield from _check_options(item.dashboard, name, catalog)


def _find_metric_variables(source: str) -> set[str]:
    """Return the variables that an expression uses as the name of a metric."""
    return {
        matcher.value[1:]
        for selector in promql.find_selectors(source)
        for matcher in selector.matchers
        if matcher.label == "__name__" and matcher.op == "=" and matcher.value.startswith("$")
    }


def _check_options(dashboard: Dashboard, name: str, catalog: Catalog) -> Iterator[Problem]:
    for index, choice in enumerate(as_list(dashboard.document.value_at(("choose",)))):
        if as_object(choice).get("pick") != name:
            continue
        options = next(spec.options or {} for spec in dashboard.inputs if spec.name == name)
        for metric in options.values():
            if catalog.series(metric) is None:
                place = dashboard.document.place(("choose", index, "of"))
                hint = expressions.hint_for_metric(metric, catalog)
                yield Problem(place, f"no metric is called {metric}", hint, check="picked_metric")
