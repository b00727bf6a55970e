"""A dashboard of any age in Grafana's classic form of today: panels on a grid, rows among them, no type of old."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins
from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards.importing import older

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_COLUMNS = 24
_ROW_HEIGHT = 250  # pixels, where an old row says nothing
_CELL = 38  # pixels of one step of the grid with its gap


@dataclass
class Part:
    """A row with its panels; panels above the first row have none."""

    row: Mapping[str, Any] | None = None
    panels: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Modern:
    """The dashboard, its panels in the order in which they are seen, and how often what was lost (`lost`)."""

    model: Mapping[str, Any]
    parts: list[Part]
    lost: Counter[str]
    folder: str = ""  # its title, where Grafana's API says it

    def panels(self) -> list[dict[str, Any]]:
        """Return all panels, in order, without the rows."""
        return [panel for part in self.parts for panel in part.panels]


def read(data: Any, name: str) -> Modern:
    """Return a dashboard as Grafana's API, its export or a file has it; DeckwatchError for anything else."""
    folder = ""
    if isinstance(data, dict) and isinstance(data.get("dashboard"), dict):
        meta = data.get("meta")
        folder = str(meta.get("folderTitle") or "") if isinstance(meta, dict) else ""
        data = data["dashboard"]
    if isinstance(data, dict) and isinstance(data.get("spec"), dict):
        if "elements" in data["spec"]:
            raise DeckwatchError(f"{name} is a dashboard of Grafana's second form; export it as classic JSON")
        data = data["spec"]
    if not isinstance(data, dict) or not isinstance(data.get("panels", data.get("rows")), list):
        raise DeckwatchError(f"{name} is no dashboard of Grafana's: it has no panels")
    lost: Counter[str] = Counter()
    parts = _parts(data, lost)
    types = {old: module for _, module in plugins.import_modules(older) for old in module.TYPES}
    for part in parts:
        part.panels = [_panel(panel, types, lost) for panel in part.panels]
    return Modern(data, [part for part in parts if part.row is not None or part.panels], lost, folder)


def _parts(model: Mapping[str, Any], lost: Counter[str]) -> list[Part]:
    if isinstance(model.get("rows"), list) and "panels" not in model:
        return list(_old_rows(model["rows"]))
    parts = [Part()]
    for panel in sorted(_mappings(model["panels"]), key=_place):
        if panel.get("type") != "row":
            parts[-1].panels.append(panel)
            continue
        parts.append(Part(panel, sorted(_mappings(panel.get("panels") or []), key=_place)))
        if panel.get("collapsed"):
            parts.append(Part())
    # What stands below a closed row belongs to no row, and our rows end only where another begins.
    for before, part in itertools.pairwise(parts):
        if part.row is None and part.panels and before.row is not None:
            lost["panel below a closed row, now above the rows"] += len(part.panels)
            parts[0].panels += part.panels
            part.panels = []
    return parts


def _mappings(found: Iterable[Any]) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)]


def _place(panel: Mapping[str, Any]) -> tuple[float, float]:
    grid = panel.get("gridPos") or {}
    return (grid.get("y", 0), grid.get("x", 0))


def _old_rows(rows: Iterable[Any]) -> Iterable[Part]:
    """Yield the rows of a dashboard of Grafana 4 and before, whose panels have spans of twelve columns."""
    top = 0
    for row in _mappings(rows):
        height = _steps(row.get("height", _ROW_HEIGHT))
        shown = bool(row.get("showTitle") or row.get("collapse") or row.get("repeat"))
        x, panels = 0, []
        for panel in _mappings(row.get("panels") or []):
            width = min(_COLUMNS, max(1, round(2 * float(panel.get("span") or 4))))
            own = _steps(panel["height"]) if panel.get("height") else height
            if x + width > _COLUMNS:
                x, top = 0, top + height
            panels.append({**panel, "gridPos": {"x": x, "y": top, "w": width, "h": own}})
            x += width
        top += height
        head = {"title": row.get("title") or "Row", "collapsed": bool(row.get("collapse"))} if shown else None
        if head is not None and row.get("repeat"):
            head["repeat"] = row["repeat"]
        yield Part(head, panels)


def _steps(height: Any) -> int:
    found = re.match(r"\d+", str(height))
    return max(3, round(int(found[0]) / _CELL)) if found else round(_ROW_HEIGHT / _CELL)


def _panel(panel: dict[str, Any], types: Mapping[str, Any], lost: Counter[str]) -> dict[str, Any]:
    made = dict(panel)
    kind = str(panel.get("type", ""))
    if panel.get("libraryPanel"):
        made["type"] = "library-panel-ref"
    elif kind in types or (kind == "table" and "styles" in panel):
        found, unsaid = types["table-old" if kind == "table" else kind].modern(panel)
        made = {key: value for key, value in panel.items() if key in _KEPT} | found
        lost[f"{kind} panel, now {found['type']}"] += 1
        lost.update(f"{key} of a {kind} panel" for key in unsaid)
    defaults = (made.get("fieldConfig") or {}).get("defaults")
    if isinstance(defaults, dict):
        fields = _fields(defaults, lost)
        if made["type"] == "timeseries" and _idle_thresholds(fields):
            del fields["thresholds"]
        made["fieldConfig"] = {**made["fieldConfig"], "defaults": fields}
    targets = _mappings(made.get("targets") or [])
    if targets:
        made["targets"] = [_target(target, lost) for target in targets]
        spans = {str(one.get("interval") or "") for one in targets}
        if not made.get("interval") and len(spans) == 1 and "" not in spans:
            made["interval"] = spans.pop()
        elif spans - {""}:
            lost["interval of one query among others"] += 1
    return made


# Green, orange and red as Grafana 4 wrote them.
_COLORS = {
    "rgba(50, 172, 45, 0.97)": "green",
    "rgba(237, 129, 40, 0.89)": "orange",
    "rgba(245, 54, 54, 0.9)": "red",
}


# The forms of what is looked into here.
_SHAPES: dict[str, type] = {"color": dict, "custom": dict, "thresholds": dict, "mappings": list}


def _fields(defaults: Mapping[str, Any], lost: Counter[str]) -> dict[str, Any]:
    """Return what a panel says of its fields: old colours by their names, and words for no value in one form."""
    made: dict[str, Any] = {key: one for key, one in defaults.items() if isinstance(one, _SHAPES.get(key, object))}
    lost["value of no form that Grafana reads"] += len(defaults) - len(made)
    if "mappings" in made:
        made["mappings"] = _mappings(made["mappings"])
    steps = (made.get("thresholds") or {}).get("steps")
    if not isinstance(steps, list) or not all(isinstance(one, dict) for one in steps):
        made.pop("thresholds", None)
    elif any(one.get("color") in _COLORS for one in steps):
        named = [
            {**one, "value": one.get("value"), "color": _COLORS.get(one.get("color"), one.get("color"))}
            for one in steps
        ]
        made["thresholds"] = {**made["thresholds"], "steps": named}
        lost["shade of a threshold's green, orange or red"] += 1
    else:
        made["thresholds"] = {**made["thresholds"], "steps": [{**one, "value": one.get("value")} for one in steps]}
    mappings = made.get("mappings") or []
    if len(mappings) == 1 and mappings[0].get("type") == "special" and _options(mappings[0]).get("match") == "null":
        result = _options(mappings[0]).get("result") or {}
        if isinstance(result, dict) and set(result) <= {"text", "index"} and result.get("text"):
            made["mappings"] = []
            made.setdefault("noValue", result["text"])
    return made


def _options(mapping: Mapping[str, Any]) -> dict[str, Any]:
    found = mapping.get("options")
    return found if isinstance(found, dict) else {}


def _idle_thresholds(fields: Mapping[str, Any]) -> bool:
    """Return whether nothing of a graph is drawn by its thresholds: Grafana writes some into every panel."""
    drawn = (fields.get("custom") or {}).get("thresholdsStyle")
    style = drawn.get("mode", "off") if isinstance(drawn, dict) else "off"
    colored = (fields.get("color") or {}).get("mode") == "thresholds"
    steps = (fields.get("thresholds") or {}).get("steps") or []
    return (
        "thresholds" in fields
        and style == "off"
        and not colored
        and [one.get("color") for one in steps] == ["green", "red"]
    )


# What a panel of every age has under the same name.
_KEPT = frozenset(
    (
        *("title", "description", "gridPos", "datasource", "targets", "interval", "maxDataPoints", "timeFrom"),
        *("timeShift", "repeat", "repeatDirection", "maxPerRow", "links", "id", "transparent"),
    )
)
_IDLE = ("step", "intervalFactor", "metric", "requestId", "dsType", "target", "interval", "exemplar", "useBackend")


def _target(target: Mapping[str, Any], lost: Counter[str]) -> dict[str, Any]:
    if (target.get("intervalFactor") or 1) > 1:
        lost["intervalFactor, a coarser step"] += 1
    if target.get("exemplar"):
        lost["exemplars of a query"] += 1
    idle = _IDLE if "expr" in target else ("requestId",)
    return {key: value for key, value in target.items() if key not in idle and value is not None}
