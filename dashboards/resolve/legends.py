"""Legends: series are named by the labels in which they differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core import expression_labels, promql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.catalog import Catalog

# Labels of the scrape, which distinguish nothing unless the expression groups by them.
_SCRAPE_LABELS = frozenset(("job", "cluster", "environment", "service", "__name__"))
_MAX_LABELS = 3
_GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")
_WORD = re.compile(r"\w+")
AUTO = "__auto"  # Grafana's keyword for "the labels that differ"


def find_result_labels(source: str, catalog: Catalog) -> frozenset[str] | None:
    """Return the labels that the result of an expression can have; None if they are not all known."""
    try:
        return expression_labels.result_labels(source, catalog)
    except promql.PromqlError:
        return None


def distinguishing_labels(source: str, by: Sequence[str] | None, catalog: Catalog) -> tuple[str, ...] | None:
    """Return the labels in which the series of a result differ; None if not known.

    They are ordered as in the expression's own `by (…)`, with `instance` last: the most specific comes first.
    """
    if by is None:
        labels = find_result_labels(source, catalog)
        if labels is None:
            return None
        groupings = _find_groupings(source)
        grouped = {label for grouping in groupings for label in grouping}
        selectors = promql.find_selectors(source)
        fixed = {matcher.label for selector in selectors for matcher in selector.matchers if matcher.op == "="}
        by = sorted(labels - (_SCRAPE_LABELS - grouped) - fixed)
        by = next((grouping for grouping in groupings if set(grouping) == set(by)), by)
    return tuple(sorted(by, key=lambda label: label == "instance"))


def _find_groupings(source: str) -> list[list[str]]:
    return [_WORD.findall(labels) for labels in _GROUPING.findall(source)]


def build_legend(template: str, labels: Sequence[str] | None, *, name: str, several: bool) -> str:
    """Return the legend of a query's series.

    `template` is the one written by the user, if any; `name` is the query's, used if the panel has several queries.
    """
    if template:
        series = template
    elif labels is not None and len(labels) <= _MAX_LABELS:
        series = " ".join("{{" + label + "}}" for label in labels)
    else:
        series = ""
    if several:
        return f"{name} {series}".strip() or AUTO
    return series or (name if labels == () and name else AUTO)
