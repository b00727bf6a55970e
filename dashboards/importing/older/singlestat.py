"""`singlestat`, the panel of a single number until Grafana 7; its successors are `stat` and, with a dial, `gauge`.

Keys: see packages/grafana-ui/src/components/SingleStatShared/SingleStatBaseOptions.ts of Grafana 10.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.dashboards.importing.numbers import parse_number, parse_numbers

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject

TYPES = ("singlestat", "grafana-singlestat-panel")

READ = frozenset(
    (
        *("colorBackground", "colorValue", "colors", "thresholds", "valueMaps", "rangeMaps", "mappingType", "decimals"),
        *("nullText", "valueName", "format", "prefix", "postfix", "gauge", "sparkline.show"),
    )
)
# Values without effect by path; an empty tuple stands for all values.
IDLE = {
    **dict.fromkeys(("mappingTypes", "nullPointMode", "sparkline.full", "sparkline.ymin", "sparkline.ymax"), ()),
    "prefixFontSize": ("50%",),
    "postfixFontSize": ("50%",),
    "valueFontSize": ("80%",),
    "sparkline.lineColor": ("rgb(31, 120, 193)",),
    "sparkline.fillColor": ("rgba(31, 118, 189, 0.18)",),
}

_CALCULATIONS = {
    "current": "lastNotNull",
    "avg": "mean",
    "total": "sum",
    "name": "lastNotNull",
    "first": "firstNotNull",
}


def upgrade_panel(panel: JsonMapping) -> tuple[JsonObject, list[str]]:
    """Return the panel as a `stat` or a `gauge`, and the keys that were lost."""
    dial = panel.get("gauge") or {}
    colored = "background" if panel.get("colorBackground") else "value" if panel.get("colorValue") else "none"
    defaults: JsonObject = {
        "unit": _find_unit(panel),
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": _make_steps(panel)},
        "mappings": _make_mappings(panel),
    }
    if panel.get("decimals") is not None:
        defaults["decimals"] = panel["decimals"]
    if panel.get("nullText"):
        defaults["noValue"] = panel["nullText"]
    calculation = str(panel.get("valueName", "avg"))
    reduce_options = {"calcs": [_CALCULATIONS.get(calculation, calculation)], "fields": "", "values": False}
    lost = [key for key in ("prefix", "postfix") if panel.get("prefix") and panel.get("postfix")][1:]
    if dial.get("show"):
        defaults |= {"min": dial.get("minValue", 0), "max": dial.get("maxValue", 100)}
        options = {
            "reduceOptions": reduce_options,
            "orientation": "auto",
            "showThresholdLabels": bool(dial.get("thresholdLabels")),
            "showThresholdMarkers": bool(dial.get("thresholdMarkers", True)),
        }
        return {
            "type": "gauge",
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": options,
        }, lost
    options = {
        "reduceOptions": reduce_options,
        "orientation": "horizontal",
        "colorMode": colored,
        "graphMode": "area" if (panel.get("sparkline") or {}).get("show") else "none",
        "justifyMode": "auto",
        "textMode": "name" if calculation == "name" else "auto",
    }
    return {"type": "stat", "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}, lost


def _find_unit(panel: JsonMapping) -> str:
    """Return the unit; without one, a prefix or postfix becomes a unit of Grafana."""
    unit = str(panel.get("format") or "none")
    if unit in ("none", "short"):
        if prefix := panel.get("prefix"):
            return f"prefix:{prefix}"
        if postfix := panel.get("postfix"):
            return f"suffix:{postfix}"
    return unit


def _make_steps(panel: JsonMapping) -> list[JsonObject]:
    colors = list(panel.get("colors") or ["green"])
    values: list[float | None] = [None, *parse_numbers(panel.get("thresholds"))]
    return [{"color": color, "value": value} for color, value in zip(colors, values, strict=False)]


def _make_mappings(panel: JsonMapping) -> list[JsonObject]:
    texts = {
        str(entry.get("value")): {"text": entry["text"]} for entry in panel.get("valueMaps") or [] if entry.get("text")
    }
    mappings: list[JsonObject] = []
    if "null" in texts:
        mappings.append({"type": "special", "options": {"match": "null", "result": texts.pop("null")}})
    if texts and panel.get("mappingType", 1) == 1:
        mappings.append(
            {"type": "value", "options": {key: {"index": i, **text} for i, (key, text) in enumerate(texts.items())}}
        )
    if panel.get("mappingType") == 2:
        for entry in panel.get("rangeMaps") or []:
            ends = {"from": parse_number(entry.get("from")), "to": parse_number(entry.get("to"))}
            if None not in ends.values():
                mappings.append({"type": "range", "options": ends | {"result": {"text": entry.get("text", "")}}})
    return mappings
