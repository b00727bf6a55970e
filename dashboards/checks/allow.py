"""What a panel allows itself is a check that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import checks
from deckwatch.core import plugins
from deckwatch.core.place import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashboards.build import Built
    from deckwatch.core.catalog import Catalog

_OF_EXPRESSIONS = ("promql_syntax", "promql_metric", "promql_label")


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield names under `allow:` that are no check."""
    del catalog
    known = [*plugins.names(checks), *_OF_EXPRESSIONS]
    for one in built:
        for panel in one.dashboard.panels():
            for name in panel.said.get("allow", {}):
                if name not in known:
                    place = panel.document.place((*panel.path, "allow", name), key=True)
                    yield Problem(place, f"no check is called {name}", did_you_mean(name, known), check="allow")
