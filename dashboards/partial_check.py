"""Checks queries and units of panels that failed schema validation, so that one run reports everything.

Missing keys of such a panel are not reported: the misspelt key may be the missing one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.dashboards.checks import promql, unit
from deckwatch.dashboards.model import Built
from deckwatch.dashboards.resolve.queries import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.dashboards.read.spec import Dashboard


def find_problems(dashboards: Sequence[Dashboard], catalog: Catalog, signals: Signals) -> Iterator[Problem]:
    """Yield the problems of the queries and units of these panels (`read.invalid_panels`)."""
    for dashboard in dashboards:
        resolver = Resolver(signals, catalog, dashboard.subjects, lambda expr: expr)
        queries = {panel.path: resolver.resolve_panel(panel) for panel in dashboard.panels()}
        yield from (problem for problem in resolver.problems if problem.check == "unknown_name")
        built = Built(dashboard, queries)
        yield from promql.check([built], catalog)
        yield from unit.check([built], catalog)
