"""Layouts with everything that v2 requires, and the row inside a grid that 12.0 had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects, as_text
from deckwatch.dashboards.schema_v2.values import read_number, read_string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import Path

_CHILDREN = {"RowsLayout": "rows", "TabsLayout": "tabs"}
LAYOUT_KINDS = ("GridLayout", "AutoGridLayout", *_CHILDREN)


def iterate_layouts(layout: JsonMapping, path: Path) -> Iterator[tuple[Path, JsonMapping]]:
    """Yield a layout and all layouts inside it, each with its path."""
    yield path, layout
    key = _CHILDREN.get(as_text(layout.get("kind")), "")
    for index, entry in enumerate(as_objects(as_object(layout.get("spec")).get(key))):
        inner = as_object(as_object(entry.get("spec")).get("layout"))
        yield from iterate_layouts(inner, (*path, "spec", key, index, "spec", "layout"))


def normalize_layout(layout: JsonMapping, normalize_variable: Callable[[JsonMapping], JsonObject]) -> JsonObject:
    """Return a layout; unknown kinds stay as they are, and a missing one is an empty grid."""
    kind, spec = as_text(layout.get("kind")), as_object(layout.get("spec"))
    if not layout:
        return {"kind": "GridLayout", "spec": {"items": []}}
    rest = {key: value for key, value in spec.items() if value is not None}
    if kind == "GridLayout":
        items = as_objects(spec.get("items"))
        if any(item.get("kind") == "GridLayoutRow" for item in items):
            return _split_grid(items)
        return {**layout, "spec": {**rest, "items": [_normalize_item(item) for item in items]}}
    if kind == "AutoGridLayout":
        defaults = {"columnWidthMode": "standard", "rowHeightMode": "standard"}
        return {**layout, "spec": {**defaults, **rest, "items": as_objects(spec.get("items"))}}
    if kind not in _CHILDREN:
        return dict(layout)
    key = _CHILDREN[kind]
    children = [_normalize_section(each, normalize_variable) for each in as_objects(spec.get(key))]
    return {**layout, "spec": {**rest, key: children}}


def _normalize_section(entry: JsonMapping, normalize_variable: Callable[[JsonMapping], JsonObject]) -> JsonObject:
    spec = as_object(entry.get("spec"))
    section: JsonObject = {key: value for key, value in spec.items() if value is not None}
    section["title"] = read_string(spec.get("title"))
    section["layout"] = normalize_layout(as_object(spec.get("layout")), normalize_variable)
    if "variables" in section:
        section["variables"] = [normalize_variable(each) for each in as_objects(spec.get("variables"))]
    if section.get("repeat") is not None and not as_object(section["repeat"]).get("value"):
        del section["repeat"]
    return {**entry, "spec": section}


def _normalize_item(item: JsonMapping) -> JsonObject:
    spec = as_object(item.get("spec"))
    grid = {
        key: read_number(spec.get(key), default) for key, default in (("x", 0), ("y", 0), ("width", 6), ("height", 3))
    }
    rest = {key: value for key, value in spec.items() if value is not None}
    if not as_object(rest.get("repeat")).get("value"):
        rest.pop("repeat", None)
    return {**item, "spec": {**rest, **grid}}


def _split_grid(items: list[JsonObject]) -> JsonObject:
    """Return the rows of a grid with GridLayoutRow, which only Grafana 12.0 wrote."""
    rows: list[JsonObject] = []
    loose: list[JsonObject] = []
    for item in items:
        spec = as_object(item.get("spec"))
        if item.get("kind") != "GridLayoutRow":
            loose.append(_normalize_item(item))
            continue
        grid = [_normalize_item(each) for each in as_objects(spec.get("elements"))]
        row: JsonObject = {
            "title": read_string(spec.get("title")),
            "collapse": bool(spec.get("collapsed")),
            "layout": {"kind": "GridLayout", "spec": {"items": grid}},
        }
        if as_object(spec.get("repeat")).get("value"):
            row["repeat"] = spec["repeat"]
        rows.append({"kind": "RowsLayoutRow", "spec": row})
    if loose:
        layout = {"kind": "GridLayout", "spec": {"items": loose}}
        header: JsonObject = {"title": "", "collapse": False, "hideHeader": True, "layout": layout}
        rows.insert(0, {"kind": "RowsLayoutRow", "spec": header})
    return {"kind": "RowsLayout", "spec": {"rows": rows}}
