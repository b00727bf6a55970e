"""`where:` of a panel or a query: conditions added to every selector whose metric has the label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expression_labels, promql
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.signals import label_matchers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.json_types import JsonValue
    from deckwatch.core.promql import Selector
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.read.spec import PanelSpec, QuerySpec


def collect_conditions(panel: PanelSpec, query: QuerySpec) -> dict[str, tuple[JsonValue, Path]]:
    """Return the conditions of a query by label, each with its path; the query's own override the panel's."""
    conditions: dict[str, tuple[JsonValue, Path]] = {}
    for where, path in ((panel.where, panel.path), (query.where, query.options_path)):
        for label, value in where.items():
            conditions[label] = (value, (*path, "where", label))
    return conditions


def add_conditions(source: str, conditions: Mapping[str, tuple[JsonValue, Path]], catalog: Catalog) -> str:
    """Return an expression with the conditions added to each selector whose metric has the label.

    A label with an `=` or `=~` matcher anywhere in the expression is left alone everywhere, so that the two sides of
    a ratio keep their meaning. Raises PromqlError.
    """
    matched = _matched_labels(source)

    def select_matchers(selector: Selector) -> list[str]:
        values = {
            label: value
            for label, (value, _) in conditions.items()
            if label not in matched and _has_label(selector, label)
        }
        return list(label_matchers(values))

    def _has_label(selector: Selector, label: str) -> bool:
        known = expression_labels.series_labels(selector.metric, catalog) if selector.metric else None
        return known is None or label in known

    return promql.with_matchers(source, select_matchers)


def find_problems(
    panel: PanelSpec, source: str, conditions: Mapping[str, tuple[JsonValue, Path]], catalog: Catalog
) -> Iterator[Problem]:
    """Yield conditions that apply to no selector."""
    labels_by_selector = [
        expression_labels.series_labels(selector.metric, catalog) if selector.metric else None
        for selector in promql.find_selectors(source)
    ]
    known = {label for labels in labels_by_selector if labels is not None for label in labels}
    matched = _matched_labels(source)
    for label, (_, path) in conditions.items():
        place = panel.document.place(path, key=True)
        if label in matched:
            message = f"the expression already has a condition on {label}"
            yield Problem(place, message, "use another signal, or write PromQL", check="where")
        elif None not in labels_by_selector and label not in known:
            hint = did_you_mean(label, sorted(known))
            yield Problem(place, f"no metric of this query has the label {label}", hint, check="where")


def _matched_labels(source: str) -> set[str]:
    matchers = (matcher for selector in promql.find_selectors(source) for matcher in selector.matchers)
    return {matcher.label for matcher in matchers if matcher.op in ("=", "=~")}
