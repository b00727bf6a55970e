"""Rows and positions of the classic model as a layout of v2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object
from deckwatch.dashboards.old_rows import iterate_old_rows
from deckwatch.dashboards.schema_v2.values import log_unknown, read_number, read_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path

_DEFAULT_SIZE = {"w": 6, "h": 3}  # of a panel without a position, as in Grafana's own conversion
_ROW_KEYS = frozenset(
    (
        *("type", "title", "collapsed", "collapse", "panels", "repeat", "gridPos", "id", "datasource", "targets"),
        *("fieldConfig", "options", "pluginVersion", "scopedVars", "repeatIteration", "repeatPanelId", "isNew"),
        *("$$hashKey", "editable", "height", "showTitle", "titleSize", "span", "repeatRowId"),
    )
)


@dataclass
class ClassicPanel:
    """A panel, its path in the model, and the name of its element."""

    panel: JsonMapping
    path: Path
    name: str = ""


@dataclass
class Section:
    """A row with its panels; `row` is None for panels outside of rows. `top` is the y of the first grid line below."""

    row: JsonMapping | None
    path: Path
    top: float = 0
    panels: list[ClassicPanel] = field(default_factory=list)


def split_rows(model: JsonMapping) -> list[Section]:
    """Return the rows of a model in display order; copies of repeated panels and rows are left out."""
    if "panels" not in model and isinstance(model.get("rows"), list):
        return list(_split_old_rows(model["rows"]))
    sections = [Section(None, ())]
    panels = [ClassicPanel(panel, ("panels", i)) for i, panel in _enumerate_objects(model.get("panels"))]
    for entry in sorted(panels, key=lambda each: _sort_key(each.panel)):
        if entry.panel.get("repeatPanelId") is not None and not entry.panel.get("repeat"):
            continue  # Grafana makes it again
        if entry.panel.get("type") != "row":
            sections[-1].panels.append(entry)
            continue
        top = _grid_value(entry.panel, "y", 0) + 1
        row = Section(
            entry.panel, entry.path, top, sorted(_inner_panels(entry), key=lambda each: _sort_key(each.panel))
        )
        if row.panels:  # those of a collapsed row may be positioned below the place that it had before
            row.top = min(_grid_value(each.panel, "y", 0) for each in row.panels)
        sections.append(row)
        if entry.panel.get("collapsed"):
            sections.append(Section(None, ()))
    return [section for section in sections if section.row is not None or section.panels]


def _split_old_rows(rows: object) -> Iterator[Section]:
    for index, old in enumerate(iterate_old_rows(rows)):
        path: Path = ("rows", index)
        panels = [ClassicPanel(panel, (*path, "panels", number)) for number, panel in enumerate(old.panels)]
        top = min((_grid_value(panel, "y", 0) for panel in old.panels), default=0)
        yield Section(old.header, path, top, panels)


def _inner_panels(entry: ClassicPanel) -> Iterator[ClassicPanel]:
    for index, panel in _enumerate_objects(entry.panel.get("panels")):
        inner = ClassicPanel(panel, (*entry.path, "panels", index))
        if panel.get("type") == "row":
            yield from _inner_panels(inner)
        else:
            yield inner


def _enumerate_objects(value: object) -> list[tuple[int, JsonMapping]]:
    items = value if isinstance(value, list) else []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]


def _sort_key(panel: JsonMapping) -> tuple[float, float]:
    return _grid_value(panel, "y", 0), _grid_value(panel, "x", 0)


def _grid_value(panel: JsonMapping, key: str, default: float) -> float:
    number: float = read_number(as_object(panel.get("gridPos")).get(key), default)
    return number


def build_layout(sections: list[Section], log: LossLog) -> JsonObject:
    """Return the layout: a grid, or a list of rows with a grid each if there is any row."""
    if all(section.row is None for section in sections):
        return _build_grid([panel for section in sections for panel in section.panels], 0)
    rows = []
    for section in sections:
        grid = _build_grid(section.panels, _offset(section))
        if section.row is None:
            spec: JsonObject = {"title": "", "collapse": False, "hideHeader": True, "layout": grid}
        else:
            log_unknown(section.row, _ROW_KEYS, section.path, "not in a row in v2", log)
            is_collapsed = bool(section.row.get("collapsed"))
            spec = {"title": read_string(section.row.get("title")), "collapse": is_collapsed, "layout": grid}
            if section.row.get("repeat"):
                spec["repeat"] = {"mode": "variable", "value": read_string(section.row["repeat"])}
        rows.append({"kind": "RowsLayoutRow", "spec": spec})
    return {"kind": "RowsLayout", "spec": {"rows": rows}}


def _offset(section: Section) -> float:
    """Return the y of a section's first line; panels without a row begin with the uppermost one."""
    if section.row is not None:
        return section.top
    return min((_grid_value(each.panel, "y", 0) for each in section.panels), default=0)


def _build_grid(panels: list[ClassicPanel], top: float) -> JsonObject:
    return {"kind": "GridLayout", "spec": {"items": [_build_item(entry, top) for entry in panels]}}


def _build_item(entry: ClassicPanel, top: float) -> JsonObject:
    panel = entry.panel
    spec: JsonObject = {
        "x": _grid_value(panel, "x", 0),
        "y": max(0, _grid_value(panel, "y", 0) - top),
        "width": _grid_value(panel, "w", _DEFAULT_SIZE["w"]),
        "height": _grid_value(panel, "h", _DEFAULT_SIZE["h"]),
        "element": {"kind": "ElementReference", "name": entry.name},
    }
    if isinstance(panel.get("repeat"), str) and panel["repeat"]:
        direction = panel.get("repeatDirection")
        per_row = read_number(panel.get("maxPerRow"))
        spec["repeat"] = {
            "mode": "variable",
            "value": panel["repeat"],
            **({"direction": direction} if direction in ("h", "v") else {}),
            **({"maxPerRow": per_row} if per_row else {}),
        }
    return {"kind": "GridLayoutItem", "spec": spec}
