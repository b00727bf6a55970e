"""`where:` of a panel or a query: conditions on every selection that can have the label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core import expression_labels, promql
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.signals import label_matchers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.promql import Selector
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.read.spec import Asked, Panel


def conditions(panel: Panel, asked: Asked) -> dict[str, tuple[Any, Path]]:
    """Return what is said for a query, by label, with the path of each; the query's own word comes first."""
    found: dict[str, tuple[Any, Path]] = {}
    beside: Path = asked.path[:-1] if asked.said else ()
    for said, path in ((panel.said, panel.path), (asked.said, beside)):
        for label, value in said.get("where", {}).items():
            found[label] = (value, (*path, "where", label))
    return found


def narrowed(source: str, wanted: Mapping[str, tuple[Any, Path]], catalog: Catalog) -> str:
    """Return an expression with conditions added to each of its selections whose metric has the label.

    A label that the expression decides about somewhere is left alone everywhere: a share's part and its whole stay
    what they are. Raises PromqlError.
    """
    decided = _decided(source)

    def fitting(selector: Selector) -> list[str]:
        one = {label: value for label, (value, _) in wanted.items() if label not in decided and _has(selector, label)}
        return list(label_matchers(one))

    def _has(selector: Selector, label: str) -> bool:
        known = expression_labels.series_labels(selector.metric, catalog) if selector.metric else None
        return known is None or label in known

    return promql.with_matchers(source, fitting)


def problems(panel: Panel, source: str, wanted: Mapping[str, tuple[Any, Path]], catalog: Catalog) -> Iterator[Problem]:
    """Yield conditions that hold for nothing that is asked."""
    known = [
        expression_labels.series_labels(one.metric, catalog) if one.metric else None
        for one in promql.find_selectors(source)
    ]
    carried = {label for one in known if one is not None for label in one}
    decided = _decided(source)
    for label, (_, path) in wanted.items():
        place = panel.document.place(path, key=True)
        if label in decided:
            message = f"{label} is decided in the expression already"
            yield Problem(place, message, "ask for another signal, or write PromQL", check="where")
        elif None not in known and label not in carried:
            hint = did_you_mean(label, sorted(carried))
            yield Problem(place, f"nothing that is asked here has a label {label}", hint, check="where")


def _decided(source: str) -> set[str]:
    found = (matcher for selector in promql.find_selectors(source) for matcher in selector.matchers)
    return {matcher.label for matcher in found if matcher.op in ("=", "=~")}
