"""Differences of two dashboards in Grafana's v2 schema, as text and in our keywords: `row Disks: per_row 3 → 4`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_list, as_object, as_objects, as_text
from deckwatch.dashboards.compare import list_changes
from deckwatch.dashboards.schema_v2 import convert_to_classic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.json_types import JsonMapping, JsonObject, StrictMapping

_NOTHING = "nothing"
_DATA_CONDITION = "data"  # what `needs:` becomes
# Keys of panels in the classic form that v2 has in the layout.
_LAYOUT_KEYS = ("gridPos", "repeat", "repeatDirection", "maxPerRow")


def list_v2_changes(before: JsonMapping, after: JsonMapping) -> list[str]:
    """Return the changes from the first v2 spec to the second, one per line."""
    lines = list_changes(_to_panels(before), _to_panels(after))
    return [*lines, *list_layout_differences(before, after)]


def _to_panels(spec: JsonMapping) -> JsonObject:
    """Return the classic model of a spec without its layout: all panels in the order of their ids."""
    model = convert_to_classic(spec).model
    panels = [inner for panel in as_objects(model.get("panels")) for inner in (panel, *as_objects(panel.get("panels")))]
    bare: list[JsonObject] = [
        {key: value for key, value in panel.items() if key not in _LAYOUT_KEYS}
        for panel in panels
        if panel.get("type") != "row"
    ]
    own = set(_list_variable_names(spec.get("layout")))
    templating = as_object(model.get("templating"))
    variables = [item for item in as_objects(templating.get("list")) if item.get("name") not in own]
    return {**model, "panels": sorted(bare, key=lambda panel: str(panel.get("id"))), "templating": {"list": variables}}


@dataclass
class _Layout:
    """The sections of a layout by name and its panels by id, each with its settings in our keywords."""

    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    panels: dict[str, dict[str, str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)


def list_layout_differences(before: JsonMapping, after: JsonMapping) -> list[str]:
    """Return the changes of tabs, rows and positions from the first v2 spec to the second."""
    old, new = _read_layout(before), _read_layout(after)
    lines = [f"- {name}" for name in old.sections if name not in new.sections]
    lines += [f"+ {name}" for name in new.sections if name not in old.sections]
    shared = [name for name in old.sections if name in new.sections]
    order = [name for name in new.sections if name in old.sections]
    if shared != order:
        lines.append(f"order {', '.join(shared)} → {', '.join(order)}")
    for name in shared:
        lines += _list_settings(name, old.sections[name], new.sections[name])
    for panel in old.panels:
        if panel in new.panels:
            lines += _list_settings(f"panel {new.titles[panel]}", old.panels[panel], new.panels[panel])
    return lines


def _list_settings(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key, _NOTHING), after.get(key, _NOTHING)
        if one != other:
            yield f"{name}: {key} {one} → {other}"


def _read_layout(spec: JsonMapping) -> _Layout:
    result = _Layout()
    elements = as_object(spec.get("elements"))
    _read_section(as_object(spec.get("layout")), "", elements, result)
    return result


def _read_section(layout: StrictMapping, path: str, elements: StrictMapping, result: _Layout) -> None:
    """Add what a layout contains; `path` is the name of the section that it is the layout of."""
    spec = as_object(layout.get("spec"))
    if layout.get("kind") == "AutoGridLayout" and path:
        result.sections[path]["per_row"] = str(spec.get("maxColumnCount", 3))
        if "rowHeight" in spec:
            result.sections[path]["row height"] = f"{spec['rowHeight']} px"
    for item in as_objects(spec.get("items")):
        _read_item(as_object(item.get("spec")), path, elements, result)
    for kind in ("tabs", "rows"):
        for child in as_objects(spec.get(kind)):
            inner = as_object(child.get("spec"))
            name = _name_section(inner, kind.removesuffix("s"), path)
            if name != path:
                name = next(free for free in _number_name(name) if free not in result.sections)
                result.sections[name] = dict(_read_settings(inner))
            _read_section(as_object(inner.get("layout")), name, elements, result)


def _name_section(spec: StrictMapping, kind: str, path: str) -> str:
    """Return the name of a tab or row inside of the section `path`; panels outside of rows are in that itself."""
    if spec.get("hideHeader") and not spec.get("conditionalRendering"):
        return path
    name = f"{kind} {as_text(spec.get('title')) or 'without a title'}"
    return f"{path}, {name}" if path else name


def _number_name(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name} ({number})"
        number += 1


def _read_settings(spec: StrictMapping) -> Iterator[tuple[str, str]]:
    """Yield the settings of a tab, a row or a grid item that have a keyword, each with its value."""
    if spec.get("collapse"):
        yield "collapsed", "true"
    if condition := _describe_condition(as_object(spec.get("conditionalRendering"))):
        yield "needs", condition
    repeat = as_object(spec.get("repeat"))
    if repeat.get("value"):
        yield "for each", as_text(repeat["value"])
    if repeat.get("maxPerRow"):
        yield "per_row", str(repeat["maxPerRow"])
    names = [as_text(as_object(item.get("spec")).get("name")) for item in as_objects(spec.get("variables"))]
    if names:
        yield "choose", ", ".join(names)


def _describe_condition(condition: StrictMapping) -> str:
    spec = as_object(condition.get("spec"))
    items = []
    for item in as_objects(spec.get("items")):
        inner = as_object(item.get("spec"))
        kind = as_text(item.get("kind")).removeprefix("ConditionalRendering")
        if kind == "Data":
            items.append(_DATA_CONDITION if inner.get("value") else "no data")
        else:
            items.append(" ".join([kind.lower(), *(str(value) for value in inner.values())]))
    joined = f" {spec.get('condition', 'and')} ".join(items)
    return f"hidden if {joined}" if spec.get("visibility") == "hide" and joined else joined


def _read_item(spec: StrictMapping, path: str, elements: StrictMapping, result: _Layout) -> None:
    name = as_text(as_object(spec.get("element")).get("name"))
    panel = as_object(as_object(elements.get(name)).get("spec"))
    number = str(panel.get("id", name))
    result.titles[number] = as_text(panel.get("title")) or name
    settings = {"in": path or "no row", **dict(_read_settings(spec))}
    if "width" in spec:
        settings["place"] = f"{spec.get('width')}x{spec.get('height')} at {spec.get('x', 0)},{spec.get('y', 0)}"
    result.panels[number] = settings


def _list_variable_names(layout: object) -> Iterator[str]:
    """Yield the names of the variables of all sections of a layout."""
    spec = as_object(as_object(layout).get("spec"))
    for child in [*as_list(spec.get("tabs")), *as_list(spec.get("rows"))]:
        inner = as_object(as_object(child).get("spec"))
        for variable in as_objects(inner.get("variables")):
            yield as_text(as_object(variable.get("spec")).get("name"))
        yield from _list_variable_names(inner.get("layout"))
