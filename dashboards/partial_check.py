"""What else is wrong in a panel that is not well formed: its queries are looked at without its faulty keys.

So one run tells all of it. What such a panel lacks is not told, since that may be what was misspelt.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.checks import promql, unit
from deckwatch.dashboards.read.spec import LANGUAGES, Dashboard, Panel, Row
from deckwatch.dashboards.resolve.queries import Resolver

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.core.yaml_file import Document, Path
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source


def read(
    source: Source, wrong: Collection[Problem], unusable: Collection[Path], words: Mapping[str, PanelType]
) -> Dashboard:
    """Return a dashboard of the panels at these paths that say what they are, without their faulty keys."""
    document = source.document
    places = {problem.place for problem in wrong}
    faulty = {
        path
        for path, place in (*document.values.items(), *document.keys.items())
        if place in places and (path not in document.values or document.values[path] == place or path in document.keys)
    }
    found = [
        Panel(word, words[word], said, document, path, ())
        for path, data in _panels(document, unusable)
        if (said := _sound(data, path, faulty, words)) is not None
        for word in said
        if word in words
    ]
    nothing = replace(document, data={})
    return Dashboard(source.uid, source.subjects, nothing, (Row(tuple(found), ("rows",)),))


def problems(
    dashboards: Sequence[Dashboard], catalog: Catalog, signals: Signals, built: Callable[..., Built]
) -> Iterator[Problem]:
    """Yield what is wrong with the queries and units of these panels."""
    for dashboard in dashboards:
        resolver = Resolver(signals, catalog, dashboard.subjects, lambda expr: expr)
        queries = {panel.path: resolver.panel(panel) for panel in dashboard.panels()}
        yield from (problem for problem in resolver.problems if problem.check == "unknown_name")
        one = built(dashboard, queries, (), (), (), "", "")
        yield from promql.check([one], catalog)
        yield from unit.check([one], catalog)


def _panels(document: Document, unusable: Collection[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the panels at these paths, or in the rows there."""
    for path in sorted((one for one in unusable if one[:1] == ("rows",) and len(one) > 1), key=str):
        data = document.value_at(path)
        inner = path
        if len(path) == 2 and isinstance(data, dict):
            data, inner = data.get("panels"), (*path, "panels")
        if isinstance(data, list):
            yield from (((*inner, i), one) for i, one in enumerate(data) if isinstance(one, dict))
        elif isinstance(data, dict):
            yield path, data


def _sound(
    data: Mapping[str, Any], path: Path, faulty: Collection[Path], words: Collection[str]
) -> dict[str, Any] | None:
    """Return a panel without its faulty keys; None where its queries are faulty, or it is no panel or several."""
    said: dict[str, Any] = {}
    found = [key for key in data if key in words]
    if len(found) != 1:
        return None
    for key, value in data.items():
        here = [one[len(path) + 1 :] for one in faulty if one[: len(path) + 1] == (*path, key)]
        if not here:
            said[key] = value
        elif key == found[0]:
            content = _queries(value, here)
            if content is None:
                return None
            said[key] = content
    return said


def _queries(value: Any, faulty: Sequence[Path]) -> Any:
    """Return what stands behind a panel's word without the faulty keys beside its queries; None where one is faulty."""
    several = isinstance(value, list)
    items = [dict(one) if isinstance(one, dict) else one for one in (value if several else [value])]
    for path in faulty:
        *head, key = path or ("",)
        index = head[0] if several and head else 0
        if len(path) != 1 + several or key in ("show", *LANGUAGES) or not isinstance(items[int(index)], dict):
            return None
        items[int(index)].pop(key, None)
    return items if several else items[0]
