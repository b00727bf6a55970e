"""`table-old` (and `table` before Grafana 7, which has `styles`); its successor is `table`.

Keys: see public/app/plugins/panel/table/migrations.ts of Grafana 10.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.dashboards.importing.numbers import parse_numbers

if TYPE_CHECKING:
    from deckwatch.core.json_types import Json, JsonMapping, JsonObject

TYPES = ("table-old",)

READ = frozenset(("styles", "columns", "sort", "transform", "showHeader"))
# Values without effect by path; an empty tuple stands for all values.
IDLE = {"scroll": (), "fontSize": ("100%",), "filterNull": ()}
_STYLE_KEYS = frozenset(
    (
        *("alias", "pattern", "type", "unit", "decimals", "colorMode", "colors", "thresholds", "align", "dateFormat"),
        *("link", "linkUrl", "linkTooltip", "linkTargetBlank", "mappingType", "$$hashKey", "preserveFormat"),
    )
)

_CELLS = {"cell": "color-background", "row": "color-background", "value": "color-text"}


def upgrade_panel(panel: JsonMapping) -> tuple[JsonObject, list[str]]:
    """Return the panel as a current `table`, and the keys that were lost."""
    lost = [key for key in ("columns",) if panel.get(key)]
    overrides: list[JsonObject] = []
    defaults: JsonObject = {"custom": {"align": "auto", "cellOptions": {"type": "auto"}}}
    for style in panel.get("styles") or []:
        properties, lost_keys = _make_properties(style)
        lost += lost_keys
        name = str(style.get("pattern", ""))
        if name in ("/.*/", "*"):
            defaults |= {key: value for key, value in properties if "." not in key}
        elif properties:
            matcher = {"id": "byRegexp" if name.startswith("/") else "byName", "options": name}
            entries = [{"id": key, "value": value} for key, value in properties]
            overrides.append({"matcher": matcher, "properties": entries})
    sort = panel.get("sort") or {}
    if isinstance(sort.get("col"), (int, float)):
        lost.append("sort.col")
    return {
        "type": "table",
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": {
            "showHeader": panel.get("showHeader", True),
            "sortBy": [{"displayName": str(sort["col"]), "desc": bool(sort.get("desc"))}]
            if isinstance(sort.get("col"), str)
            else [],
        },
        "transformations": [{"id": "merge", "options": {}}] if panel.get("transform") == "table" else [],
    }, lost


def _make_properties(style: JsonMapping) -> tuple[list[tuple[str, Json]], list[str]]:
    properties: list[tuple[str, Json]] = []
    if style.get("alias"):
        properties.append(("displayName", style["alias"]))
    if style.get("type") == "hidden":
        properties.append(("custom.hidden", True))
    if style.get("type") == "number" and style.get("unit"):
        properties.append(("unit", style["unit"]))
    if style.get("type") == "date" and style.get("dateFormat"):
        properties.append(("unit", f"time: {style['dateFormat']}"))
    if style.get("align") in ("left", "center", "right"):
        properties.append(("custom.align", style["align"]))
    if style.get("decimals") is not None and style.get("type") == "number":
        properties.append(("decimals", style["decimals"]))
    if style.get("colorMode") in _CELLS:
        properties.append(("custom.cellOptions", {"type": _CELLS[style["colorMode"]]}))
        limits: list[float | None] = [None, *parse_numbers(style.get("thresholds"))]
        steps = [
            {"color": color, "value": limit}
            for color, limit in zip(style.get("colors") or ["green"], limits, strict=False)
        ]
        properties.append(("thresholds", {"mode": "absolute", "steps": steps}))
    if style.get("link") and style.get("linkUrl"):
        new_tab = {"targetBlank": True} if style.get("linkTargetBlank") else {}
        properties.append(("links", [{"title": style.get("linkTooltip", ""), "url": style["linkUrl"], **new_tab}]))
    return properties, [f"styles.{key}" for key, value in style.items() if value and key not in _STYLE_KEYS]
