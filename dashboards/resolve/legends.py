"""How the series of a query are called in a legend: by the labels that tell them apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core import expression_labels, promql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.catalog import Catalog

# Labels that say where a series was read; they tell nothing apart unless somebody groups by them.
_NOISE = frozenset(("job", "cluster", "environment", "service", "__name__"))
_MOST = 3
AUTO = "__auto"  # Grafana's word for "whatever differs"


def find_result_labels(source: str, catalog: Catalog) -> frozenset[str] | None:
    """Return the labels that the result of an expression can have; None where they are not all known."""
    try:
        return expression_labels.result_labels(source, catalog)
    except promql.PromqlError:
        return None


def distinguishing_labels(source: str, by: Sequence[str] | None, catalog: Catalog) -> tuple[str, ...] | None:
    """Return the labels by which the series of a result differ; None where that is not known.

    They stand as in the expression's own `by (…)`, with `instance` last: what tells most comes first.
    """
    if by is None:
        known = find_result_labels(source, catalog)
        if known is None:
            return None
        groupings = _groupings(source)
        named = {label for grouping in groupings for label in grouping}
        selectors = promql.find_selectors(source)
        fixed = {matcher.label for selector in selectors for matcher in selector.matchers if matcher.op == "="}
        by = sorted(known - (_NOISE - named) - fixed)
        by = next((found for found in groupings if set(found) == set(by)), by)
    return tuple(sorted(by, key=lambda label: label == "instance"))


def _groupings(source: str) -> list[list[str]]:
    return [re.findall(r"\w+", found) for found in re.findall(r"\bby\s*\(([^)]*)\)", source)]


def build_legend(said: str, shown: Sequence[str] | None, *, name: str, several: bool) -> str:
    """Return how one series is called.

    `said` is the form that somebody chose, if any, and `name` what the query is called where there are several.
    """
    if said:
        series = said
    elif shown is not None and len(shown) <= _MOST:
        series = " ".join("{{" + label + "}}" for label in shown)
    else:
        series = ""
    if several:
        return f"{name} {series}".strip() or AUTO
    return series or (name if shown == () and name else AUTO)
