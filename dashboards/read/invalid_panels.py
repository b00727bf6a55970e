"""Panels that failed schema validation, read without their invalid keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object
from deckwatch.dashboards.read.panel_reader import read_panel
from deckwatch.dashboards.read.spec import LANGUAGES, Dashboard, Row
from deckwatch.dashboards.read.walk import walk_row_panels, walk_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document, Path
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.spec import PanelSpec


def read_invalid_panels(
    source: Source, problems: Collection[Problem], unusable: Collection[Path], types: Mapping[str, PanelType]
) -> Dashboard:
    """Return a dashboard of the panels at the unusable paths that have one keyword, without their invalid keys.

    `types` are the panel types by keyword.
    """
    document = source.document
    places = {problem.place for problem in problems}
    invalid = {
        path
        for path, place in (*document.values.items(), *document.keys.items())
        if place in places and (path not in document.values or document.values[path] == place or path in document.keys)
    }
    panels = tuple(_read_panels(document, unusable, invalid, types))
    empty = replace(document, data={})
    return Dashboard(source.uid, source.subjects, empty, (Row(panels, ("rows",)),))


def _read_panels(
    document: Document, unusable: Collection[Path], invalid: Collection[Path], types: Mapping[str, PanelType]
) -> Iterator[PanelSpec]:
    for path, data in _list_panels(document, unusable):
        valid = without_invalid_keys(data, path, invalid, types)
        for keyword in valid or ():
            if valid is not None and keyword in types:
                yield read_panel(types[keyword], keyword, valid, document, path)


def _list_panels(document: Document, unusable: Collection[Path]) -> Iterator[tuple[Path, StrictObject]]:
    """Yield the panels at these paths, or in the rows at these paths."""
    for row in walk_rows(document):
        panels = list(walk_row_panels(row))
        if row.path in unusable and not panels and row.is_mapping:
            yield row.path, as_object(row.data)
        for panel in panels:
            if isinstance(panel.data, dict) and {panel.path, row.path, row.tab} & set(unusable):
                yield panel.path, panel.data


def without_invalid_keys(
    data: StrictMapping, path: Path, invalid: Collection[Path], keywords: Collection[str]
) -> StrictObject | None:
    """Return a panel without its invalid keys; None if its queries are invalid, or it has not exactly one keyword."""
    found = [key for key in data if key in keywords]
    if len(found) != 1:
        return None
    valid: StrictObject = {}
    for key, value in data.items():
        inside = [item[len(path) + 1 :] for item in invalid if item[: len(path) + 1] == (*path, key)]
        if not inside:
            valid[key] = value
        elif key == found[0]:
            content = _clean_queries(value, inside)
            if content is None:
                return None
            valid[key] = content
    return valid


def _clean_queries(content: JsonValue, invalid: Sequence[Path]) -> JsonValue:
    """Return the queries after a panel's keyword without invalid options; None if a query itself is invalid."""
    several = isinstance(content, list)
    queries: list[JsonValue] = [
        dict(query) if isinstance(query, dict) else query
        for query in (content if isinstance(content, list) else [content])
    ]
    for path in invalid:
        if len(path) != 1 + several:
            return None
        *index, key = path
        query = queries[int(index[0]) if index else 0]
        if key in ("show", *LANGUAGES) or not isinstance(query, dict):
            return None
        query.pop(str(key), None)
    return queries if several else queries[0]
