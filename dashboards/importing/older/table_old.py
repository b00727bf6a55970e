"""`table-old` (and `table` before Grafana 7, which has `styles`); its successor is `table`.

Its keys as in public/app/plugins/panel/table/migrations.ts of Grafana 10.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPES = ("table-old",)

_CELLS = {"cell": "color-background", "row": "color-background", "value": "color-text"}


def modern(panel: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the panel as a `table` of today, and what is lost."""
    lost = [key for key in ("columns",) if panel.get(key)]
    overrides, defaults = [], {"custom": {"align": "auto", "cellOptions": {"type": "auto"}}}
    for style in panel.get("styles") or []:
        properties, unsaid = _properties(style)
        lost += unsaid
        name = str(style.get("pattern", ""))
        if name in ("/.*/", "*"):
            plain = {key: value for key, value in properties if "." not in key}
            defaults |= plain
        elif properties:
            matcher = {"id": "byRegexp" if name.startswith("/") else "byName", "options": name}
            made = [{"id": key, "value": value} for key, value in properties]
            overrides.append({"matcher": matcher, "properties": made})
    sort = panel.get("sort") or {}
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


def _properties(style: Mapping[str, Any]) -> tuple[list[tuple[str, Any]], list[str]]:
    found: list[tuple[str, Any]] = []
    if style.get("alias"):
        found.append(("displayName", style["alias"]))
    if style.get("type") == "hidden":
        found.append(("custom.hidden", True))
    if style.get("type") == "number" and style.get("unit"):
        found.append(("unit", style["unit"]))
    if style.get("decimals") is not None and style.get("type") == "number":
        found.append(("decimals", style["decimals"]))
    if style.get("colorMode") in _CELLS:
        found.append(("custom.cellOptions", {"type": _CELLS[style["colorMode"]]}))
        limits: list[Any] = [None, *(float(one) for one in style.get("thresholds") or [])]
        steps = [{"color": c, "value": v} for c, v in zip(style.get("colors") or ["green"], limits, strict=False)]
        found.append(("thresholds", {"mode": "absolute", "steps": steps}))
    if style.get("link") and style.get("linkUrl"):
        found.append(("links", [{"title": style.get("linkTooltip", ""), "url": style["linkUrl"]}]))
    return found, [f"styles.{key}" for key in ("valueMaps", "rangeMaps") if style.get(key)]
