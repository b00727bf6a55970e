"""The v2 form of a rendered dashboard: the classic model converted, with what only Grafana's v2 schema has.

Tabs, automatic grids, conditions and variables of sections come from the dashboard file; everything else is that of the
classic form. Types TabsLayout*, RowsLayout*, AutoGridLayout* and ConditionalRendering* of @grafana/schema 13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.dashboards.draw.render import is_collapsed
from deckwatch.dashboards.read.sections import list_sections
from deckwatch.dashboards.schema_v2 import convert_to_v2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.core.json_types import JsonObject, StrictMapping
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.model import Built, ScreenVariant
    from deckwatch.dashboards.read.sections import Section
    from deckwatch.dashboards.read.spec import PanelSpec, SectionScope, Tab

_STEP, _GAP = 38, 8  # pixels from one step of the grid to the next, and between two panels
_NARROW_FROM = 4  # columns of the standard width, 448 pixels, that do not fit on a usual screen


def to_v2(model: StrictMapping, built: Built, variant: ScreenVariant) -> JsonObject:
    """Return the v2 spec of a dashboard's classic model in the form `provisioned`."""
    spec: JsonObject = convert_to_v2(model).model
    layout = _LayoutBuilder(built, variant, spec)
    sections = list(list_sections(built.dashboard))
    if any(section.tab is not None for section in sections):
        spec["layout"] = {"kind": "TabsLayout", "spec": {"tabs": list(layout.build_tabs(sections))}}
    else:
        spec["layout"] = layout.build_sections(sections)
    own = {name for names in layout.section_variables.values() for name in names}
    spec["variables"] = [variable for variable in spec["variables"] if variable["spec"]["name"] not in own]
    return spec


class _LayoutBuilder:
    """Builds the layout of one dashboard from the grid items of its converted classic form."""

    def __init__(self, built: Built, variant: ScreenVariant, spec: JsonObject) -> None:
        self.built = built
        self.variant = variant
        self.ids = built.ids_by_name()
        self.items = {item["spec"]["element"]["name"]: item for item in _walk_items(spec["layout"])}
        self.variables = {variable["spec"]["name"]: variable for variable in spec["variables"]}
        self.section_variables = _list_section_variables(built)

    def build_tabs(self, sections: Sequence[Section]) -> Iterator[JsonObject]:
        """Yield the tabs, each with its sections."""
        tabs = {section.tab.path: section.tab for section in sections if section.tab is not None}
        for path, tab in tabs.items():
            inside = [section for section in sections if section.tab is not None and section.tab.path == path]
            layout = self.build_sections(inside)
            yield {"kind": "TabsLayoutTab", "spec": {"title": tab.title, "layout": layout, **self._describe_tab(tab)}}

    def _describe_tab(self, tab: Tab) -> JsonObject:
        return self._describe_scope(tab.path, tab.scope)

    def build_sections(self, sections: Sequence[Section]) -> JsonObject:
        """Return the layout of sections: a grid, or rows if one of them has a title."""
        if all(section.row is None for section in sections):
            return _build_grid(self._list_items(panel for section in sections for panel in section.panels()))
        rows: list[JsonObject] = []
        pending: list[PanelSpec] = []
        for section in sections:
            if section.row is None:
                pending += section.panels()
                continue
            rows += self._build_untitled(pending)
            pending = []
            rows.append(self._build_row(section))
        rows += self._build_untitled(pending)
        return {"kind": "RowsLayout", "spec": {"rows": rows}}

    def _build_untitled(self, panels: Sequence[PanelSpec]) -> list[JsonObject]:
        if not panels:
            return []
        grid = _build_grid(self._list_items(panels))
        return [{"kind": "RowsLayoutRow", "spec": {"title": "", "collapse": False, "hideHeader": True, "layout": grid}}]

    def _build_row(self, section: Section) -> JsonObject:
        row = section.rows[0]
        spec: JsonObject = {
            "title": row.title,
            "collapse": is_collapsed(section, self.variant),
            "layout": self._build_auto_grid(section, row.per_row)
            if row.per_row and not self.variant.phone
            else _build_grid(self._list_items(row.panels)),
        }
        if row.repeat:
            spec["repeat"] = {"mode": "variable", "value": row.repeat}
        return {"kind": "RowsLayoutRow", "spec": {**spec, **self._describe_scope(row.path, row.scope)}}

    def _describe_scope(self, path: Path, scope: SectionScope) -> JsonObject:
        names = self.section_variables.get(path, ())
        variables = [self.variables[name] for name in names if name in self.variables]
        return {
            **({"conditionalRendering": _require_data()} if scope.needs else {}),
            **({"variables": variables} if variables else {}),
        }

    def _build_auto_grid(self, section: Section, columns: int) -> JsonObject:
        items = self._list_items(section.panels())
        height = max(int(item["spec"]["height"]) for item in items)
        return {
            "kind": "AutoGridLayout",
            "spec": {
                "maxColumnCount": columns,
                "columnWidthMode": "narrow" if columns >= _NARROW_FROM else "standard",
                "rowHeightMode": "custom",
                "rowHeight": height * _STEP - _GAP,
                "items": [
                    _to_auto_item(item, panel, section) for item, panel in zip(items, section.panels(), strict=True)
                ],
            },
        }

    def _list_items(self, panels: Iterable[PanelSpec]) -> list[JsonObject]:
        """Return the grid items of panels, the uppermost at the top of its grid."""
        names = [f"panel-{self.ids[self.built.panel_name(panel)]}" for panel in panels]
        items = [self.items[name] for name in names]
        top = min((item["spec"]["y"] for item in items), default=0)
        return [{**item, "spec": {**item["spec"], "y": item["spec"]["y"] - top}} for item in items]


def _list_section_variables(built: Built) -> Mapping[Path, Sequence[str]]:
    """Return the names of the variables of tabs and rows, by the path of their section."""
    offered = {variable.name for variable in built.variables}
    return {
        path: [
            *(choice.label for choice in scope.choices if choice.label in offered),
            *(spec.name for spec in scope.inputs),
        ]
        for path, scope in built.dashboard.sections().items()
    }


def _walk_items(layout: JsonObject) -> Iterator[JsonObject]:
    """Yield the grid items of a layout that a classic model was converted to."""
    spec = layout["spec"]
    yield from spec.get("items", ())
    for row in spec.get("rows", ()):
        yield from _walk_items(row["spec"]["layout"])


def _build_grid(items: Sequence[JsonObject]) -> JsonObject:
    return {"kind": "GridLayout", "spec": {"items": list(items)}}


def _to_auto_item(item: JsonObject, panel: PanelSpec, section: Section) -> JsonObject:
    """Return the item of an automatic grid, which may have a condition, for one of a grid."""
    spec: JsonObject = {"element": item["spec"]["element"]}
    if panel.repeat:
        spec["repeat"] = {"mode": "variable", "value": panel.repeat}
    if panel.needs[len(section.rows[0].needs) :]:
        spec["conditionalRendering"] = _require_data()
    return {"kind": "AutoGridLayoutItem", "spec": spec}


def _require_data() -> JsonObject:
    """Return the condition that a section or panel is shown only while its queries return data."""
    items = [{"kind": "ConditionalRenderingData", "spec": {"value": True}}]
    return {
        "kind": "ConditionalRenderingGroup",
        "spec": {"visibility": "show", "condition": "and", "items": items},
    }
