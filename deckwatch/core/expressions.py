"""Check a PromQL expression of a user's file: syntax, Prometheus version, and names of metrics and labels.

Dashboards, rules and signals share it, so that all report a misspelled name alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import expression_labels, promql, promql_versions
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import Problem, did_you_mean, nearest_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.core.promql import Selector
    from deckwatch.core.yaml_file import Document, Path

_ALWAYS_KNOWN = frozenset(("__name__",))


def check_expression(document: Document, path: Path, base: int, text: str, catalog: Catalog) -> list[Problem]:
    """Return the problems of an expression that starts `base` characters into the string at `path` of a document.

    Grafana's variables are allowed.
    """
    return list(expression_problems(text, catalog, lambda offset: document.place_in_text(path, base + offset)))


def expression_problems(
    text: str, catalog: Catalog, place: Callable[[int], Place], *, in_rule: bool = False
) -> Iterator[Problem]:
    """Yield the problems of an expression; `place` turns an offset into a Place."""
    try:
        promql.check_syntax(text)
        selectors = promql.find_selectors(text)
    except promql.PromqlError as error:
        yield Problem(place(error.offset), str(error), check="promql_syntax")
        return
    yield from promql_versions.version_problems(text, catalog.targets, place, in_rule=in_rule)
    for selector in selectors:
        yield from _selector_problems(selector, catalog, place)
    yield from _grouping_problems(text, selectors, catalog, place)


def _selector_problems(selector: Selector, catalog: Catalog, place: Callable[[int], Place]) -> Iterator[Problem]:
    if selector.metric is None:
        return
    info = catalog.series(selector.metric)
    if info is None:
        yield Problem(
            place(selector.offset),
            f"no metric is called {selector.metric}",
            hint_for_metric(selector.metric, catalog),
            check="promql_metric",
        )
        return
    known = expression_labels.series_labels(selector.metric, catalog)
    for matcher in selector.matchers if known is not None else ():
        if known is not None and matcher.label not in known | _ALWAYS_KNOWN:
            yield Problem(
                place(matcher.offset),
                f"{selector.metric} has no label {matcher.label}",
                did_you_mean(matcher.label, sorted(known)),
                check="promql_label",
            )


def hint_for_metric(name: str, catalog: Catalog) -> str:
    """Return the nearest metric, and the two ways to declare one."""
    near = nearest_word(name, catalog.names())
    learn = format_command("metrics", "--learn", "URL")
    declare = f"declare it under `metrics:` in deckwatch.yaml, or print the lines with `{learn}`"
    return f"did you mean {near}? If it exists, {declare}" if near else declare


def _grouping_problems(
    text: str, selectors: list[Selector], catalog: Catalog, place: Callable[[int], Place]
) -> Iterator[Problem]:
    """Yield problems of labels in `by (…)`, `on (…)` and similar lists that no selector of the expression can have."""
    known: set[str] = set()
    for selector in selectors:
        labels = expression_labels.series_labels(selector.metric, catalog) if selector.metric else None
        if labels is None:
            return
        known |= labels
    known |= set(generated_label_sources(text))
    for token in promql.grouping_labels(text):
        if token.text not in known:
            yield Problem(
                place(token.offset),
                f"no metric in this expression has a label {token.text}",
                did_you_mean(token.text, sorted(known)),
                check="promql_label",
            )


def generated_label_sources(text: str) -> Iterator[str]:
    """Yield the strings of an expression: label_replace, label_join and count_values turn them into labels."""
    for token in promql.tokenize(text):
        if token.kind == "string":
            yield token.text[1:-1]
