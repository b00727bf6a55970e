"""What a panel or a dashboard allows itself is a check that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import plugins
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards import checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built

_OF_EXPRESSIONS = ("promql_syntax", "promql_metric", "promql_label")


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield names under `allow:` that are no check."""
    del catalog
    known = [*plugins.module_names(checks), *_OF_EXPRESSIONS]
    for one in built:
        document = one.dashboard.document
        said = [(panel.path, panel.said.get("allow", {})) for panel in one.dashboard.panels()]
        for path, allowed in [((), one.dashboard.said("allow", {})), *said]:
            for name in allowed:
                if name not in known:
                    place = document.place((*path, "allow", name), key=True)
                    yield Problem(place, f"no check is called {name}", did_you_mean(name, known), check="allow")
