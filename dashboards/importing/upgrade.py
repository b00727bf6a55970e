"""Upgrades a dashboard of any age to Grafana's current classic JSON: panels on a grid, no removed panel types."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from deckwatch.core import plugins
from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards import old_rows
from deckwatch.dashboards.importing import losses, older, typed_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject


@dataclass
class Row:
    """A row and its panels; the panels above the first row have no header."""

    header: JsonMapping | None = None
    panels: list[JsonObject] = field(default_factory=list)


@dataclass
class UpgradedDashboard:
    """The dashboard, its rows in display order, and counts of what was lost in the upgrade."""

    model: JsonMapping
    rows: list[Row]
    lost: Counter[str]
    folder: str = ""  # its title, if the data is an answer of Grafana's API

    def panels(self) -> list[JsonObject]:
        """Return all panels, in order, without the rows."""
        return [panel for row in self.rows for panel in row.panels]


class _Upgrader(losses.OldPanelType, Protocol):
    """A module of `older`."""

    def upgrade_panel(self, panel: JsonMapping) -> tuple[JsonObject, list[str]]:
        """Return the upgraded panel and the keys that were lost."""


def read_dashboard(data: Json, name: str) -> UpgradedDashboard:
    """Return a dashboard from an API answer, an export or a file; DeckwatchError for anything else."""
    folder = ""
    if isinstance(data, dict) and isinstance(data.get("dashboard"), dict):
        meta = data.get("meta")
        folder = str(meta.get("folderTitle") or "") if isinstance(meta, dict) else ""
        data = data["dashboard"]
    if isinstance(data, dict) and isinstance(data.get("spec"), dict):
        data = data["spec"]
    if not isinstance(data, dict) or not isinstance(data.get("panels", data.get("rows")), list):
        raise DeckwatchError(f"{name} is not a Grafana dashboard: it has no panels")
    lost: Counter[str] = Counter()
    data = typed_json.clean_dashboard(data, name, lost)
    rows = _read_rows(data, lost)
    for row in rows:
        row.panels = [_upgrade_panel(panel, lost) for panel in row.panels]
    if not any(row.panels for row in rows):
        raise DeckwatchError(f"{name} has no panels")
    lost["row without panels"] += sum(row.header is not None and not row.panels for row in rows)
    return UpgradedDashboard(data, [row for row in rows if row.panels], lost, folder)


def _read_rows(model: JsonMapping, lost: Counter[str]) -> list[Row]:
    if isinstance(model.get("rows"), list) and "panels" not in model:
        read = list(old_rows.iterate_old_rows(model["rows"]))
        for old in read:
            losses.count_old_row(old.row, lost, is_shown=old.header is not None)
        return [Row(old.header, old.panels) for old in read]
    rows = [Row()]
    for panel in sorted(_objects_of(model["panels"]), key=_grid_position):
        if panel.get("type") != "row":
            rows[-1].panels.append(panel)
            continue
        losses.count_row(panel, lost)
        rows.append(Row(panel, sorted(_panels_inside(panel), key=_grid_position)))
        if panel.get("collapsed"):
            rows.append(Row())
    # Panels below a collapsed row belong to no row; in a dashboard file, a row ends only where another begins.
    for before, row in itertools.pairwise(rows):
        if row.header is None and row.panels and before.header is not None:
            lost["panel below a collapsed row, now above the rows"] += len(row.panels)
            rows[0].panels += row.panels
            row.panels = []
    return rows


def _panels_inside(row: JsonMapping) -> Iterable[JsonObject]:
    """Yield the panels of a row; those of a row inside it belong to the outer one, as there is one level of rows."""
    for panel in _objects_of(row.get("panels") or []):
        if panel.get("type") == "row":
            yield from _panels_inside(panel)
        else:
            yield panel


def _objects_of(items: Iterable[object]) -> list[JsonObject]:
    return [item for item in items if isinstance(item, dict)]


def _grid_position(panel: JsonMapping) -> tuple[float, float]:
    grid = panel.get("gridPos") or {}
    return (grid.get("y") or 0, grid.get("x") or 0)


@functools.cache
def _load_upgraders() -> Mapping[str, _Upgrader]:
    """Return the modules of removed panel types by type."""
    return {old: module for _, module in plugins.import_modules(older) for old in module.TYPES}


def is_removed_type(panel: JsonMapping) -> bool:
    """Return whether Grafana has removed the type of a panel; the table before Grafana 7 has styles."""
    kind = panel.get("type")
    return isinstance(kind, str) and (kind in _load_upgraders() or (kind == "table" and "styles" in panel))


def upgrade_type(panel: JsonObject, lost: Counter[str]) -> JsonObject:
    """Return a panel of a removed type as one of its successor, and count what that lacks."""
    kind = str(panel["type"])
    module = _load_upgraders()["table-old" if kind == "table" else kind]
    panel = typed_json.clean_old_panel(panel, lost)
    upgraded, lost_keys = module.upgrade_panel(panel)
    lost[f"{kind} panel, now {upgraded['type']}"] += 1
    lost.update(f"{key} of a {kind} panel" for key in [*lost_keys, *losses.find_unread_keys(panel, module)])
    return {key: value for key, value in panel.items() if key in losses.UNCHANGED_KEYS} | upgraded


def _upgrade_panel(panel: JsonObject, lost: Counter[str]) -> JsonObject:
    result = dict(panel)
    if panel.get("libraryPanel"):
        result["type"] = "library-panel-ref"
    elif is_removed_type(panel):
        result = upgrade_type(panel, lost)
    defaults = (result.get("fieldConfig") or {}).get("defaults")
    if isinstance(defaults, dict):
        fields = _clean_fields(defaults, lost)
        if result["type"] == "timeseries" and _has_idle_thresholds(fields):
            del fields["thresholds"]
        result["fieldConfig"] = {**result["fieldConfig"], "defaults": fields}
    targets = _objects_of(result.get("targets") or [])
    if targets:
        result["targets"] = [_clean_target(target, lost) for target in targets]
        intervals = {str(target.get("interval") or "") for target in targets}
        if not result.get("interval") and len(intervals) == 1 and "" not in intervals:
            result["interval"] = intervals.pop()
        elif intervals - {""}:
            lost["interval of one query among others"] += 1
    return result


# Green, orange and red as Grafana 4 wrote them.
_COLORS = {
    "rgba(50, 172, 45, 0.97)": "green",
    "rgba(237, 129, 40, 0.89)": "orange",
    "rgba(245, 54, 54, 0.9)": "red",
}
# The types of the entries that are read below.
_FIELD_TYPES: dict[str, type] = {"color": dict, "custom": dict, "thresholds": dict, "mappings": list}


def _clean_fields(defaults: JsonMapping, lost: Counter[str]) -> JsonObject:
    """Return the field defaults of a panel with named colours and `noValue` for the text of missing values."""
    fields: JsonObject = {
        key: value for key, value in defaults.items() if isinstance(value, _FIELD_TYPES.get(key, object))
    }
    lost["value of a type that Grafana does not read"] += len(defaults) - len(fields)
    if "mappings" in fields:
        fields["mappings"] = _objects_of(fields["mappings"])
    steps = (fields.get("thresholds") or {}).get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        fields.pop("thresholds", None)
        steps = []
    # The first step begins at minus infinity, whatever its value: Grafana 12 writes 0.
    steps = [{**step, "value": step.get("value") if i else None} for i, step in enumerate(steps)]
    if any(str(step.get("color")) in _COLORS for step in steps):
        named = [{**step, "color": _COLORS.get(str(step.get("color")), step.get("color"))} for step in steps]
        fields["thresholds"] = {**fields["thresholds"], "steps": named}
        lost["shade of a threshold's green, orange or red"] += 1
    elif "thresholds" in fields:
        fields["thresholds"] = {**fields["thresholds"], "steps": steps}
    mappings = fields.get("mappings") or []
    if len(mappings) == 1 and mappings[0].get("type") == "special":
        options = _mapping_options(mappings[0])
        result = options.get("result") or {}
        is_text = isinstance(result, dict) and set(result) <= {"text", "index"} and bool(result.get("text"))
        if options.get("match") == "null" and is_text:
            fields["mappings"] = []
            fields.setdefault("noValue", result["text"])
    return fields


def _mapping_options(mapping: JsonMapping) -> JsonObject:
    options = mapping.get("options")
    return options if isinstance(options, dict) else {}


def _has_idle_thresholds(fields: JsonMapping) -> bool:
    """Return whether the thresholds of a graph are those that Grafana writes into every panel and does not draw."""
    style = (fields.get("custom") or {}).get("thresholdsStyle")
    mode = style.get("mode", "off") if isinstance(style, dict) else "off"
    sets_color = (fields.get("color") or {}).get("mode") == "thresholds"
    steps = (fields.get("thresholds") or {}).get("steps") or []
    is_default = [(step.get("color"), step.get("value")) for step in steps] == [("green", None), ("red", 80)]
    return "thresholds" in fields and mode == "off" and not sets_color and is_default


_IDLE_KEYS = ("step", "intervalFactor", "metric", "requestId", "dsType", "target", "interval", "exemplar", "useBackend")


def _clean_target(target: JsonMapping, lost: Counter[str]) -> JsonObject:
    """Return a query without the keys that Grafana no longer uses."""
    if (target.get("intervalFactor") or 1) > 1:
        lost["intervalFactor, a coarser step"] += 1
    if target.get("exemplar"):
        lost["exemplars of a query"] += 1
    idle = _IDLE_KEYS if "expr" in target else ("requestId",)
    return {key: value for key, value in target.items() if key not in idle and value is not None}
