"""A spec of v2, v2beta1 or v2alpha1 as a classic dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects
from deckwatch.dashboards.schema_v2.annotations import restore_annotation
from deckwatch.dashboards.schema_v2.layout_to_classic import LayoutReader
from deckwatch.dashboards.schema_v2.loss import Converted, LossLog
from deckwatch.dashboards.schema_v2.normalize import normalize_spec
from deckwatch.dashboards.schema_v2.panels_to_classic import restore_panel
from deckwatch.dashboards.schema_v2.settings import restore_settings
from deckwatch.dashboards.schema_v2.sources import log_labels
from deckwatch.dashboards.schema_v2.values import log_unknown, read_number
from deckwatch.dashboards.schema_v2.variables_to_classic import restore_variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.layout_to_classic import FlatSection, Placement

SECTION = "v2Section"  # of a row: the fields of its FlatSection that the classic model lacks
SCHEMA_VERSION = 39  # of Grafana 10.4; every later version reads and migrates it
_KNOWN_KEYS = (
    *("title", "description", "tags", "editable", "liveNow", "preload", "revision", "links", "timeSettings"),
    *("cursorSync", "annotations", "variables", "elements", "layout", "preferences"),
)


def convert_to_classic(spec: JsonMapping, *, keeps_sections: bool = False) -> Converted:
    """Return the classic model of a spec, without `uid`, and what it lacks; paths begin with `spec`.

    With `keeps_sections` a row has its tab, the columns of its automatic grid, the condition that there is data and the
    names of its variables under the key SECTION.
    """
    log = LossLog()
    spec = normalize_spec(spec, log)
    log_unknown(spec, _KNOWN_KEYS, ("spec",), "unknown, dropped", log)
    if spec.get("preferences"):
        log.add(("spec", "preferences"), "no equivalent in the classic form")
    sections = LayoutReader(log, keeps_sections=keeps_sections).flatten_layout(spec["layout"], ("spec", "layout"))
    elements = as_object(spec["elements"])
    placed = {placement.element for section in sections for placement in section.placements}
    for name in elements:
        if name not in placed:
            log.add(("spec", "elements", name), "no layout refers to it, so Grafana does not show it; dropped")
    log_labels(list(_iterate_queries(elements)), log)
    model: JsonObject = {
        **restore_settings(spec, log),
        "schemaVersion": SCHEMA_VERSION,
        "annotations": {
            "list": [
                restore_annotation(each, ("spec", "annotations", index), log)
                for index, each in enumerate(as_objects(spec["annotations"]))
            ]
        },
        "templating": {"list": _restore_variables(as_objects(spec["variables"]), sections, log)},
        "panels": _PanelList(elements, log, keeps_sections=keeps_sections).build_panels(sections),
    }
    return Converted(model, log.entries)


def _restore_variables(variables: list[JsonObject], sections: list[FlatSection], log: LossLog) -> list[JsonObject]:
    """Return the variables of the dashboard, followed by those of rows and tabs whose names are free.

    Those of rows and tabs that are kept are named in their sections; the same variable may be in several.
    """
    restored = [restore_variable(each, ("spec", "variables", index), log) for index, each in enumerate(variables)]
    by_name = {variable["name"]: variable for variable in restored}
    kept: dict[str, JsonObject] = {}
    for section in sections:
        for each in section.variables:
            moved = restore_variable(each.variable, each.path, log)
            name = moved["name"]
            if name in by_name and not (each.owner and kept.get(name) == moved):
                other = "another row or tab" if name in kept else "the dashboard"
                log.add(each.path, f"variable {name} of a row or tab, dropped: {other} has one of this name")
                continue
            if name not in by_name:
                by_name[name] = moved
                restored.append(moved)
            if each.owner:
                kept[name] = moved
                for owner in sections if each.owner == "tab" else ():
                    if owner.tab == section.tab:
                        owner.tab_variables.append(name)
                if each.owner == "row":
                    section.row_variables.append(name)
            else:
                log.add(each.path, f"variable {name} of a row or tab, now one of the dashboard")
    return restored


def _iterate_queries(elements: JsonMapping) -> Iterator[tuple[tuple[str | int, ...], JsonMapping]]:
    """Yield path and query of each query of all elements."""
    for name, element in elements.items():
        data = as_object(as_object(as_object(as_object(element).get("spec")).get("data")).get("spec"))
        for index, entry in enumerate(as_objects(data.get("queries"))):
            path = ("spec", "elements", name, "spec", "data", "spec", "queries", index, "spec", "query")
            yield path, as_object(as_object(entry.get("spec")).get("query"))


class _PanelList:
    """Builds the list of classic panels: ids are unique, rows follow each other without gaps."""

    def __init__(self, elements: JsonMapping, log: LossLog, *, keeps_sections: bool) -> None:
        self._elements = elements
        self._keeps_sections = keeps_sections
        self._log = log
        ids = [read_number(as_object(as_object(each).get("spec")).get("id")) for each in elements.values()]
        self._last_id = max((int(number) for number in ids if number is not None), default=0)
        self._taken: set[int] = set()

    def build_panels(self, sections: list[FlatSection]) -> list[JsonObject]:
        """Return all panels and rows in display order."""
        panels: list[JsonObject] = []
        top: float = 0
        rows = []
        for section in sections:
            row: JsonObject | None = None
            if section.title is not None:
                row = {"type": "row", "title": section.title, "collapsed": section.is_collapsed, "panels": []}
                row["gridPos"] = {"x": 0, "y": top, "w": 24, "h": 1}
                if section.repeat:
                    row["repeat"] = section.repeat
                if self._keeps_sections:
                    row[SECTION] = {
                        "tab": section.tab,
                        "row": section.row,
                        "columns": section.columns,
                        "needs_data": section.needs_data,
                        "tab_needs_data": section.tab_needs_data,
                        "row_variables": section.row_variables,
                        "tab_variables": section.tab_variables,
                    }
                rows.append(row)
                panels.append(row)
                top += 1
            placed = [panel for each in section.placements if (panel := self._build_panel(each, top)) is not None]
            if row is not None and section.is_collapsed:
                row["panels"] = placed
                continue
            panels += placed
            top = max([top, *(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in placed)])
        for row in rows:
            self._last_id += 1
            row["id"] = self._last_id
        return panels

    def _build_panel(self, placement: Placement, top: float) -> JsonObject | None:
        element = self._elements.get(placement.element)
        if not isinstance(element, dict):
            self._log.add(placement.path, f"refers to the element {placement.element!r}, which does not exist; dropped")
            return None
        panel = restore_panel(element, ("spec", "elements", placement.element), self._log)
        grid = {"x": placement.x, "y": top + placement.y, "w": placement.w, "h": placement.h}
        return {"id": self._take_id(element), **panel, "gridPos": grid, **placement.repeat}

    def _take_id(self, element: JsonMapping) -> int:
        number = read_number(as_object(element.get("spec")).get("id"))
        if number is None or int(number) <= 0 or int(number) in self._taken:
            self._last_id += 1
            number = self._last_id
        self._taken.add(int(number))
        return int(number)
