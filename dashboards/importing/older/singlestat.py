"""`singlestat`, the panel of a single number until Grafana 7; its successors are `stat` and, with a dial, `gauge`.

Keys: see packages/grafana-ui/src/components/SingleStatShared/SingleStatBaseOptions.ts of Grafana 10.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject

TYPES = ("singlestat", "grafana-singlestat-panel")

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
    limits = [float(text) for text in str(panel.get("thresholds") or "").split(",") if _is_number(text)]
    values: list[float | None] = [None, *limits]
    return [{"color": color, "value": value} for color, value in zip(colors, values, strict=False)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _make_mappings(panel: JsonMapping) -> list[JsonObject]:
    texts = {
        str(entry["value"]): {"text": entry["text"]} for entry in panel.get("valueMaps") or [] if entry.get("text")
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
            if _is_number(str(entry.get("from"))) and _is_number(str(entry.get("to"))):
                ends = {"from": float(entry["from"]), "to": float(entry["to"])}
                mappings.append({"type": "range", "options": ends | {"result": {"text": entry.get("text", "")}}})
    return mappings
