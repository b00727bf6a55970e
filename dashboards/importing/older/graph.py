"""`graph`, until Grafana 7.4 the one for values over time; its successor is `timeseries`.

Its keys as in public/app/plugins/panel/timeseries/migrations.ts of Grafana 10.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TYPES = ("graph",)

_GAPS = {"connected": True, "null": False, "null as zero": False}
_FIGURES = {"current": "lastNotNull", "avg": "mean", "min": "min", "max": "max", "total": "sum"}
_ORDER = {0: "none", 1: "asc", 2: "desc"}
# What a series may say of itself, as the property of an override.
_LOOKS: dict[str, Callable[[Any], list[tuple[str, Any]]]] = {
    "lines": lambda on: [("custom.drawStyle", "line")] if on else [("custom.lineWidth", 0)],
    "bars": lambda on: [("custom.drawStyle", "bars")] if on else [],
    "points": lambda on: [("custom.showPoints", "always" if on else "never")],
    "fill": lambda value: [("custom.fillOpacity", value * 10)],
    "linewidth": lambda value: [("custom.lineWidth", value)],
    "color": lambda value: [("color", {"mode": "fixed", "fixedColor": value})],
    "transform": lambda value: [("custom.transform", value)] if value == "negative-Y" else [],
    "stack": lambda on: [("custom.stacking", {"mode": "normal" if on else "none", "group": "A"})],
    "yaxis": lambda side: [("custom.axisPlacement", "right" if side == 2 else "left")],
    "legend": lambda on: [("custom.hideFrom", {"legend": not on, "tooltip": False, "viz": False})],
    "hiddenSeries": lambda on: [("custom.hideFrom", {"legend": False, "tooltip": False, "viz": True})] if on else [],
    "dashes": lambda on: [("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})] if on else [],
}


def modern(panel: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the panel as a `timeseries`, and what is lost."""
    axes = list(panel.get("yaxes") or [{}, {}])
    left, right = axes[0], axes[1] if len(axes) > 1 else {}
    custom = _drawing(panel, left)
    defaults: dict[str, Any] = {"unit": left.get("format", "short"), "color": {"mode": "palette-classic"}}
    defaults |= {key: _number(left[key]) for key in ("min", "max") if _number(left.get(key)) is not None}
    if panel.get("decimals") is not None:
        defaults["decimals"] = panel["decimals"]
    lost = [key for key in ("alert", "thresholds", "timeRegions") if panel.get(key)]
    overrides, unsaid = _overrides(panel, right)
    legend = panel.get("legend") or {}
    figures = [word for old, word in _FIGURES.items() if legend.get(old) and legend.get("values", True)]
    return {
        "type": "timeseries",
        "fieldConfig": {"defaults": defaults | {"custom": custom}, "overrides": overrides},
        "options": {
            "legend": {
                "showLegend": bool(legend.get("show", True)),
                "displayMode": "table" if legend.get("alignAsTable") or figures else "list",
                "placement": "right" if legend.get("rightSide") else "bottom",
                "calcs": figures,
            },
            "tooltip": {
                "mode": "multi" if (panel.get("tooltip") or {}).get("shared", True) else "single",
                "sort": _ORDER.get((panel.get("tooltip") or {}).get("sort", 0), "none"),
            },
        },
    }, lost + unsaid


def _drawing(panel: Mapping[str, Any], axis: Mapping[str, Any]) -> dict[str, Any]:
    style = (
        "bars" if panel.get("bars") else "points" if panel.get("points") and not panel.get("lines", True) else "line"
    )
    stacked = "percent" if panel.get("percentage") else "normal"
    made: dict[str, Any] = {
        "drawStyle": style,
        "fillOpacity": 100 if style == "bars" else 10 * (panel.get("fill") or 0),
        "lineWidth": panel.get("linewidth", 1),
        "lineInterpolation": "stepAfter" if panel.get("steppedLine") else "linear",
        "pointSize": max(2, 2 * panel.get("pointradius", 2)),
        "showPoints": "always" if panel.get("points") else "never",
        "spanNulls": _GAPS.get(str(panel.get("nullPointMode", "null")), False),
        "stacking": {"mode": stacked if panel.get("stack") else "none", "group": "A"},
        "axisLabel": axis.get("label") or "",
        "axisPlacement": "auto" if axis.get("show", True) else "hidden",
    }
    if (axis.get("logBase") or 1) > 1:
        made["scaleDistribution"] = {"type": "log", "log": axis["logBase"]}
    return made


def _overrides(panel: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    found, lost = [], []
    for name, color in sorted((panel.get("aliasColors") or {}).items()):
        found.append(_override(name, [("color", {"mode": "fixed", "fixedColor": color})]))
    for one in panel.get("seriesOverrides") or []:
        properties: list[tuple[str, Any]] = []
        for key, value in one.items():
            if key == "alias":
                continue
            if key in _LOOKS:
                properties += _LOOKS[key](value)
            else:
                lost.append(f"seriesOverrides.{key}")
        if one.get("yaxis") == 2 and right.get("format"):
            properties.append(("unit", right["format"]))
        if one.get("alias") and properties:
            found.append(_override(one["alias"], properties))
    return found, lost


def _override(name: str, properties: list[tuple[str, Any]]) -> dict[str, Any]:
    pattern = len(name) > 1 and name.startswith("/")
    matcher = {"id": "byRegexp" if pattern else "byName", "options": name}
    return {"matcher": matcher, "properties": [{"id": key, "value": value} for key, value in properties]}


def _number(value: Any) -> float | None:
    try:
        return None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        return None
