"""`graph`, the time series panel until Grafana 7.4; its successor is `timeseries`.

Keys: see public/app/plugins/panel/timeseries/migrations.ts of Grafana 10.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.importing.numbers import parse_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject

TYPES = ("graph",)
READ = frozenset(
    (
        *(
            "lines",
            "bars",
            "points",
            "fill",
            "fillGradient",
            "linewidth",
            "pointradius",
            "nullPointMode",
            "steppedLine",
        ),
        *("stack", "percentage", "aliasColors", "seriesOverrides", "decimals", "alert", "thresholds", "timeRegions"),
        *("legend.show", "legend.alignAsTable", "legend.rightSide", "legend.values", "legend.current", "legend.avg"),
        *("legend.min", "legend.max", "legend.total", "tooltip.shared", "tooltip.sort", "yaxes.0.format"),
        *("yaxes.0.min", "yaxes.0.max", "yaxes.0.label", "yaxes.0.show", "yaxes.0.logBase", "yaxes.1.format"),
        *("y_formats", "grid.leftMin", "grid.leftMax", "grid.leftLogBase", "leftYAxisLabel"),
    )
)
# Values without effect by path; an empty tuple stands for all values.
IDLE = {
    **dict.fromkeys(("dashLength", "spaceLength", "paceLength", "tooltip.msResolution", "yaxis.alignLevel"), ()),
    **dict.fromkeys(("yaxes.1.show", "options.alertThreshold"), ()),
    **dict.fromkeys(("x-axis", "y-axis", "xaxis.show"), (True,)),
    **dict.fromkeys(("yaxes.1.logBase", "grid.rightLogBase", "scale"), (1,)),
    **dict.fromkeys(("grid.threshold1Color", "grid.threshold2Color", "zerofill", "line", "resolution"), ()),
    "tooltip.value_type": ("individual",),
    "xaxis.mode": ("time",),
}

_GAPS = {"connected": True, "null": False, "null as zero": False}
_CALCULATIONS = {"current": "lastNotNull", "avg": "mean", "min": "min", "max": "max", "total": "sum"}
_SORT_ORDERS = {0: "none", 1: "asc", 2: "desc"}
# The keys of a series override as the properties that replace them.
_SERIES_KEYS: dict[str, Callable[[Any], list[tuple[str, Json]]]] = {
    "lines": lambda on: [("custom.drawStyle", "line")] if on else [("custom.lineWidth", 0)],
    "bars": lambda on: [("custom.drawStyle", "bars")] if on else [],
    "points": lambda on: [("custom.showPoints", "always" if on else "never")],
    "fill": lambda value: [("custom.fillOpacity", (value or 0) * 10)],
    "linewidth": lambda value: [("custom.lineWidth", value)],
    "color": lambda value: [("color", {"mode": "fixed", "fixedColor": value})],
    "transform": lambda value: [("custom.transform", value)] if value == "negative-Y" else [],
    "stack": lambda on: [("custom.stacking", {"mode": "normal" if on else "none", "group": "A"})],
    "yaxis": lambda side: [("custom.axisPlacement", "right" if side == 2 else "left")],
    "legend": lambda on: [("custom.hideFrom", {"legend": not on, "tooltip": False, "viz": False})],
    "hiddenSeries": lambda on: [("custom.hideFrom", {"legend": False, "tooltip": False, "viz": True})] if on else [],
    "dashes": lambda on: [("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})] if on else [],
}


def upgrade_panel(panel: JsonMapping) -> tuple[JsonObject, list[str]]:
    """Return the panel as a `timeseries`, and the keys that were lost."""
    axes = list(panel.get("yaxes") or _read_first_axes(panel))
    left, right = axes[0], axes[1] if len(axes) > 1 else {}
    custom = _custom_fields(panel, left)
    defaults: JsonObject = {"unit": left.get("format", "short"), "color": {"mode": "palette-classic"}}
    defaults |= {key: parse_number(left[key]) for key in ("min", "max") if parse_number(left.get(key)) is not None}
    if panel.get("decimals") is not None:
        defaults["decimals"] = panel["decimals"]
    lost = [key for key in ("alert", "thresholds", "timeRegions") if panel.get(key)]
    overrides, lost_overrides = _make_overrides(panel, right)
    legend = panel.get("legend") or {}
    calculations = [new for old, new in _CALCULATIONS.items() if legend.get(old) and legend.get("values", True)]
    return {
        "type": "timeseries",
        "fieldConfig": {"defaults": defaults | {"custom": custom}, "overrides": overrides},
        "options": {
            "legend": {
                "showLegend": bool(legend.get("show", True)),
                "displayMode": "table" if legend.get("alignAsTable") or calculations else "list",
                "placement": "right" if legend.get("rightSide") else "bottom",
                "calcs": calculations,
            },
            "tooltip": {
                "mode": "multi" if (panel.get("tooltip") or {}).get("shared", True) else "single",
                "sort": _SORT_ORDERS.get((panel.get("tooltip") or {}).get("sort", 0), "none"),
            },
        },
    }, lost + lost_overrides


def _read_first_axes(panel: JsonMapping) -> list[JsonObject]:
    """Return the left axis of a panel of Grafana 1 or 2, which had its settings in several places."""
    grid = panel.get("grid") or {}
    unit, *_ = panel.get("y_formats") or ["short"]
    axis = {"format": unit, "min": grid.get("leftMin"), "max": grid.get("leftMax"), "logBase": grid.get("leftLogBase")}
    return [{**axis, "label": panel.get("leftYAxisLabel")}]


def _custom_fields(panel: JsonMapping, axis: JsonMapping) -> JsonObject:
    style = (
        "bars" if panel.get("bars") else "points" if panel.get("points") and not panel.get("lines", True) else "line"
    )
    stacked = "percent" if panel.get("percentage") else "normal"
    custom: JsonObject = {
        "drawStyle": style,
        "fillOpacity": 100 if style == "bars" else 10 * (panel.get("fill") or 0),
        "lineWidth": 1 if panel.get("linewidth") is None else panel["linewidth"],
        "lineInterpolation": "stepAfter" if panel.get("steppedLine") else "linear",
        "pointSize": max(2, 2 * (2 if panel.get("pointradius") is None else panel["pointradius"])),
        "showPoints": "always" if panel.get("points") else "never",
        "spanNulls": _GAPS.get(str(panel.get("nullPointMode", "null")), False),
        "stacking": {"mode": stacked if panel.get("stack") else "none", "group": "A"},
        "axisLabel": axis.get("label") or "",
        "axisPlacement": "auto" if axis.get("show", True) else "hidden",
    }
    if panel.get("fillGradient"):
        custom["gradientMode"] = "opacity"
    if (base := parse_number(axis.get("logBase")) or 1) > 1:
        custom["scaleDistribution"] = {"type": "log", "log": int(base)}
    return custom


def _make_overrides(panel: JsonMapping, right: JsonMapping) -> tuple[list[JsonObject], list[str]]:
    overrides, lost = [], []
    for name, color in sorted((panel.get("aliasColors") or {}).items()):
        overrides.append(_make_override(name, [("color", {"mode": "fixed", "fixedColor": color})]))
    for entry in panel.get("seriesOverrides") or []:
        properties: list[tuple[str, Json]] = []
        for key, value in entry.items():
            if key == "alias":
                continue
            if key in _SERIES_KEYS:
                properties += _SERIES_KEYS[key](value)
            else:
                lost.append(f"seriesOverrides.{key}")
        if entry.get("yaxis") == 2 and right.get("format"):
            properties.append(("unit", right["format"]))
        if entry.get("alias") and properties:
            overrides.append(_make_override(entry["alias"], properties))
    return overrides, lost


def _make_override(name: str, properties: list[tuple[str, Json]]) -> JsonObject:
    is_pattern = len(name) > 1 and name.startswith("/")
    matcher = {"id": "byRegexp" if is_pattern else "byName", "options": name}
    return {"matcher": matcher, "properties": [{"id": key, "value": value} for key, value in properties]}
