"""Nothing is asked of Grafana that the version of `build: targets:` does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.dashboards.draw import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield transformations, fields under `raw:` and kinds of variables that are newer than the target."""
    for one in built:
        yield from versions.find_problems(one, catalog.targets)
