"""Every name under `allow:` is a check."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from deckwatch.core import plugins
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards import checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built

_EXPRESSION_CHECKS = ("promql_syntax", "promql_metric", "promql_label")


@functools.cache
def _list_known_names() -> list[str]:
    return [*plugins.module_names(checks), *_EXPRESSION_CHECKS]


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield names under `allow:` that are not checks."""
    del catalog
    for item in built:
        document = item.dashboard.document
        panels = [(panel.path, panel.allow) for panel in item.dashboard.panels()]
        for path, allowed in [((), item.dashboard.allow), *panels]:
            for name in allowed:
                if name not in (known := _list_known_names()):
                    place = document.place((*path, "allow", name), key=True)
                    yield Problem(place, f"no check is called {name}", did_you_mean(name, known), check="allow")
