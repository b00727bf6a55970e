"""The layouts of v2 as rows and positions of the classic model.

Rows may not contain rows there, and there are no tabs: both become rows, named after all that contain them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from deckwatch.core.json_types import as_object, as_objects, as_text
from deckwatch.dashboards.schema_v2.conditions import describe_condition, is_data_condition
from deckwatch.dashboards.schema_v2.values import log_unknown, read_number, read_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path

_COLUMNS = 24
_CELL_PIXELS = 38  # of one grid line, gap included
_ROW_HEIGHTS = {"short": 5, "standard": 9, "tall": 14}
_DEFAULT_COLUMNS = 3
_MAX_KEPT_COLUMNS = 8  # `per_row` of a row
_ITEM_KEYS = ("x", "y", "width", "height", "element", "repeat", "conditionalRendering")
_SECTION_KEYS = (
    *("title", "collapse", "hideHeader", "fillScreen", "conditionalRendering", "repeat", "layout", "variables"),
)
_AUTO_GRID_KEYS = (
    *("maxColumnCount", "columnWidthMode", "columnWidth", "rowHeightMode", "rowHeight", "fillScreen", "items"),
)


@dataclass(frozen=True)
class Placement:
    """An element at its position in a section, with the keys of a classic panel about its repetition."""

    element: str
    path: Path
    x: float
    y: float
    w: float
    h: float
    repeat: JsonObject


@dataclass(frozen=True)
class SectionVariable:
    """A variable of a row or tab; `owner` is which of them is kept, "" where neither is."""

    path: Path
    variable: JsonObject
    owner: Literal["row", "tab", ""] = ""


@dataclass
class FlatSection:
    """A classic row with its panels; `title` is None where it has no header. `variables` are those of its section.

    Where tabs and automatic grids are kept, `tab` is the title of the tab in which the row is, `row` its own title and
    `columns` the number of columns of its automatic grid; `needs_data` and `tab_needs_data` are the condition that the
    row or its tab is shown only if there is data, `row_variables` and `tab_variables` the names of their variables.
    """

    title: str | None = None
    is_collapsed: bool = False
    repeat: str = ""
    placements: list[Placement] = field(default_factory=list)
    variables: list[SectionVariable] = field(default_factory=list)
    tab: str = ""
    row: str = ""
    columns: int = 0
    needs_data: bool = False
    tab_needs_data: bool = False
    row_variables: list[str] = field(default_factory=list)
    tab_variables: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Context:
    """What contains a layout: the titles of rows and tabs around it, whether any is collapsed, their repetition.

    `tab` is the title of a tab that is kept; it is not among the `titles`.
    """

    titles: tuple[str, ...] = ()
    tab: str = ""
    has_header: bool = False
    is_collapsed: bool = False
    repeat: str = ""


class LayoutReader:
    """Reads one layout; `log` gets what the classic form cannot express.

    `keeps_sections` is for a reader of the result that has tabs and automatic grids in rows: these are no losses.
    """

    def __init__(self, log: LossLog, *, keeps_sections: bool = False) -> None:
        self._log = log
        self._keeps_sections = keeps_sections

    def flatten_layout(self, layout: object, path: Path) -> list[FlatSection]:
        """Return the sections of a layout in display order."""
        outer = as_object(layout)
        tabs = as_objects(as_object(outer.get("spec")).get("tabs")) if outer.get("kind") == "TabsLayout" else []
        if self._keeps_sections and tabs and not any(as_object(tab.get("spec")).get("repeat") for tab in tabs):
            return list(self._flatten_kept_tabs(tabs, (*path, "spec", "tabs")))
        return list(self._flatten(outer, path, _Context()))

    def _flatten_kept_tabs(self, tabs: list[JsonObject], path: Path) -> Iterator[FlatSection]:
        """Yield the sections of tabs, each with the title of its tab; later tabs of the same title get a number."""
        titles: list[str] = []
        for index, tab in enumerate(tabs):
            section, place = as_object(tab.get("spec")), (*path, index, "spec")
            wanted = title = read_string(section.get("title")) or "Tab"
            number = 1
            while title in titles:
                number += 1
                title = f"{wanted} {number}"
            if title != section.get("title"):
                self._log.add((*place, "title"), f"now {title!r}: tabs have a title of their own")
            titles.append(title)
            yield from self._flatten_section(section, place, _Context(tab=title), is_tab=True)

    def _flatten(self, layout: JsonMapping, path: Path, context: _Context) -> Iterator[FlatSection]:
        kind, spec = as_text(layout.get("kind")), as_object(layout.get("spec"))
        path = (*path, "spec")
        if kind == "GridLayout":
            log_unknown(spec, ("items",), path, "unknown, dropped", self._log)
            yield self._make_section(context, self._place_grid(spec, path))
        elif kind == "AutoGridLayout":
            log_unknown(spec, _AUTO_GRID_KEYS, path, "unknown, dropped", self._log)
            section = self._make_section(context, self._place_auto_grid(spec, path))
            columns = _count_columns(spec)
            if self._keeps_sections and section.row and columns <= _MAX_KEPT_COLUMNS:
                section.columns = columns
            else:
                self._log.add(path[:-1], f"automatic grid with at most {columns} columns, now a grid with positions")
            yield section
        elif kind == "RowsLayout":
            yield from self._flatten_sections(spec, "rows", path, context)
        elif kind == "TabsLayout":
            yield from self._flatten_sections(spec, "tabs", path, context)
        else:
            names = list(_find_references(layout, path[:-1]))
            self._log.add(path[:-1], f"unknown kind {kind or 'without a name'}, its panels are placed in a grid")
            yield self._make_section(context, _place_evenly(names, _DEFAULT_COLUMNS, _ROW_HEIGHTS["standard"], {}))

    def _flatten_sections(self, spec: JsonMapping, key: str, path: Path, context: _Context) -> Iterator[FlatSection]:
        """Yield the sections of rows or tabs."""
        if key == "tabs" and as_objects(spec.get(key)):
            self._log.add((*path, key), "tabs become rows")
        elif context.titles:
            self._log.add((*path, key), "nested rows become rows named after all that contain them")
        for index, entry in enumerate(as_objects(spec.get(key))):
            section = as_object(entry.get("spec"))
            place = (*path, key, index, "spec")
            yield from self._flatten_section(section, place, self._enter_section(section, key, place, context))

    def _flatten_section(
        self, section: JsonMapping, path: Path, context: _Context, *, is_tab: bool = False
    ) -> list[FlatSection]:
        """Return the sections inside a row or tab; `context` is that of its content, `is_tab` of one that is kept."""
        log_unknown(section, _SECTION_KEYS, path, "unknown, dropped", self._log)
        if section.get("fillScreen"):
            self._log.add((*path, "fillScreen"), "no equivalent in the classic form")
        flat = list(self._flatten(as_object(section.get("layout")), (*path, "layout"), context))
        if not self._keeps_condition(section, flat, is_tab=is_tab):
            self._log_condition(section, path)
        if flat:
            owner = self._find_owner(flat, is_tab=is_tab)
            flat[0].variables[:0] = [
                SectionVariable((*path, "variables", index), variable, owner)
                for index, variable in enumerate(as_objects(section.get("variables")))
            ]
        return flat

    def _find_owner(self, flat: list[FlatSection], *, is_tab: bool) -> Literal["row", "tab", ""]:
        """Return whether the row or tab around sections is kept as one of them."""
        if is_tab:
            return "tab"
        return "row" if self._keeps_sections and len(flat) == 1 and flat[0].row else ""

    def _keeps_condition(self, section: JsonMapping, flat: list[FlatSection], *, is_tab: bool) -> bool:
        """Return whether the condition of a row or tab is now one of its sections: that there is data."""
        owner = self._find_owner(flat, is_tab=is_tab)
        if owner == "" or not is_data_condition(as_object(section.get("conditionalRendering"))):
            return False
        for each in flat:
            if owner == "tab":
                each.tab_needs_data = True
            else:
                each.needs_data = True
        return True

    def _enter_section(self, section: JsonMapping, key: str, path: Path, context: _Context) -> _Context:
        title = read_string(section.get("title"))
        is_hidden = key == "rows" and bool(section.get("hideHeader"))
        if is_hidden and title:
            self._log.add((*path, "hideHeader"), f"row {title!r} has no header, so it is not a row in the classic form")
        repeat = read_string(as_object(section.get("repeat")).get("value"))
        if repeat and is_hidden:
            self._log.add((*path, "repeat"), "a row without a header is not repeated in the classic form")
            repeat = ""
        if repeat and context.repeat:
            self._log.add((*path, "repeat"), f"repeated only for ${repeat}, not for ${context.repeat} around it")
        return replace(
            context,
            titles=context.titles if is_hidden else (*context.titles, title),
            has_header=context.has_header or not is_hidden,
            is_collapsed=context.is_collapsed or bool(section.get("collapse")),
            repeat=repeat or context.repeat,
        )

    def _make_section(self, context: _Context, placements: list[Placement]) -> FlatSection:
        row = ": ".join(filter(None, context.titles)) if context.has_header else ""
        has_title = context.has_header or bool(context.tab)
        title = ": ".join(filter(None, (context.tab, row))) if has_title else None
        is_collapsed = context.is_collapsed and has_title
        return FlatSection(title, is_collapsed, context.repeat, placements, tab=context.tab, row=row)

    def _place_grid(self, spec: JsonMapping, path: Path) -> list[Placement]:
        placements = []
        for index, item in enumerate(as_objects(spec.get("items"))):
            inner, place = as_object(item.get("spec")), (*path, "items", index, "spec")
            log_unknown(inner, _ITEM_KEYS, place, "unknown, dropped", self._log)
            self._log_condition(inner, place)
            x, y, w, h = (
                read_number(inner.get(key), default)
                for key, default in (("x", 0), ("y", 0), ("width", 6), ("height", 3))
            )
            placements.append(Placement(_element_name(inner), place, x, y, w, h, _restore_repeat(inner.get("repeat"))))
        return placements

    def _place_auto_grid(self, spec: JsonMapping, path: Path) -> list[Placement]:
        columns = _count_columns(spec)
        pixels = read_number(spec.get("rowHeight"), 0)
        mode = as_text(spec.get("rowHeightMode"))
        height = math.ceil(pixels / _CELL_PIXELS) if mode == "custom" and pixels > 0 else _ROW_HEIGHTS.get(mode, 9)
        references, repeats = [], {}
        for index, item in enumerate(as_objects(spec.get("items"))):
            inner, place = as_object(item.get("spec")), (*path, "items", index, "spec")
            log_unknown(inner, _ITEM_KEYS, place, "unknown, dropped", self._log)
            self._log_condition(inner, place)
            references.append((place, _element_name(inner)))
            if repeat := _restore_repeat(inner.get("repeat")):
                repeats[place] = {"repeatDirection": "h", "maxPerRow": columns, **repeat}
        if spec.get("fillScreen"):
            self._log.add((*path, "fillScreen"), "no equivalent in the classic form")
        return _place_evenly(references, columns, height, repeats)

    def _log_condition(self, spec: JsonMapping, path: Path) -> None:
        if condition := as_object(spec.get("conditionalRendering")):
            text = describe_condition(condition)
            self._log.add((*path, "conditionalRendering"), f"{text}; always shown in the classic form")


def _count_columns(spec: JsonMapping) -> int:
    return min(max(int(read_number(spec.get("maxColumnCount"), _DEFAULT_COLUMNS)), 1), _COLUMNS)


def _element_name(spec: JsonMapping) -> str:
    return as_text(as_object(spec.get("element")).get("name"))


def _restore_repeat(repeat: object) -> JsonObject:
    """Return the keys of a classic panel for a repetition."""
    options = as_object(repeat)
    if not options.get("value"):
        return {}
    keys = {"repeat": "value", "repeatDirection": "direction", "maxPerRow": "maxPerRow"}
    return {classic: options[key] for classic, key in keys.items() if options.get(key) is not None}


def _place_evenly(
    references: list[tuple[Path, str]], columns: int, height: int, repeats: dict[Path, JsonObject]
) -> list[Placement]:
    """Return elements in equal columns that together fill the width, also where 24 is not a multiple of them."""
    placements = []
    for index, (path, name) in enumerate(references):
        line, column = divmod(index, columns)
        left, right = (round(edge * _COLUMNS / columns) for edge in (column, column + 1))
        placements.append(Placement(name, path, left, line * height, right - left, height, repeats.get(path, {})))
    return placements


def _find_references(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield path and name of each reference to an element inside a value of any structure."""
    if isinstance(value, dict):
        if value.get("kind") == "ElementReference":
            yield path, as_text(value.get("name"))
        for key, inner in value.items():
            yield from _find_references(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _find_references(inner, (*path, index))
