"""Dashboards use only features of the Grafana version in `build: targets:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.dashboards.draw import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield transformations, fields under `raw:` and types of variables that are newer than the target."""
    for item in built:
        yield from versions.find_problems(item, catalog.targets)
