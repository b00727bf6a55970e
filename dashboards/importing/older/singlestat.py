"""`singlestat`, until Grafana 7 the one for a single number; its successors are `stat` and, for its dial, `gauge`.

Its keys as in packages/grafana-ui/src/components/SingleStatShared/SingleStatBaseOptions.ts of Grafana 10.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPES = ("singlestat", "grafana-singlestat-panel")

_FIGURES = {"current": "lastNotNull", "avg": "mean", "total": "sum", "name": "lastNotNull", "first": "firstNotNull"}


def modern(panel: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the panel as a `stat` or a `gauge`, and what is lost."""
    dial = panel.get("gauge") or {}
    colored = "background" if panel.get("colorBackground") else "value" if panel.get("colorValue") else "none"
    defaults: dict[str, Any] = {
        "unit": _unit(panel),
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": _steps(panel)},
        "mappings": _mappings(panel),
    }
    if panel.get("decimals") is not None:
        defaults["decimals"] = panel["decimals"]
    if panel.get("nullText"):
        defaults["noValue"] = panel["nullText"]
    said = str(panel.get("valueName", "avg"))
    reduced = {"calcs": [_FIGURES.get(said, said)], "fields": "", "values": False}
    lost = [key for key in ("prefix", "postfix") if panel.get("prefix") and panel.get("postfix")][1:]
    if dial.get("show"):
        defaults |= {"min": dial.get("minValue", 0), "max": dial.get("maxValue", 100)}
        options = {
            "reduceOptions": reduced,
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
        "reduceOptions": reduced,
        "orientation": "horizontal",
        "colorMode": colored,
        "graphMode": "area" if (panel.get("sparkline") or {}).get("show") else "none",
        "justifyMode": "auto",
        "textMode": "name" if said == "name" else "auto",
    }
    return {"type": "stat", "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}, lost


def _unit(panel: Mapping[str, Any]) -> str:
    """Return the unit; what stood before or behind the number is one of Grafana's where it has none."""
    unit = str(panel.get("format") or "none")
    if unit in ("none", "short"):
        if before := panel.get("prefix"):
            return f"prefix:{before}"
        if behind := panel.get("postfix"):
            return f"suffix:{behind}"
    return unit


def _steps(panel: Mapping[str, Any]) -> list[dict[str, Any]]:
    colors = list(panel.get("colors") or ["green"])
    limits = [float(one) for one in str(panel.get("thresholds") or "").split(",") if _is_number(one)]
    values: list[float | None] = [None, *limits]
    return [{"color": color, "value": value} for color, value in zip(colors, values, strict=False)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _mappings(panel: Mapping[str, Any]) -> list[dict[str, Any]]:
    words = {str(one["value"]): {"text": one["text"]} for one in panel.get("valueMaps") or [] if one.get("text")}
    found: list[dict[str, Any]] = []
    if "null" in words:
        found.append({"type": "special", "options": {"match": "null", "result": words.pop("null")}})
    if words and panel.get("mappingType", 1) == 1:
        found.append(
            {"type": "value", "options": {key: {"index": i, **one} for i, (key, one) in enumerate(words.items())}}
        )
    if panel.get("mappingType") == 2:
        for one in panel.get("rangeMaps") or []:
            if _is_number(str(one.get("from"))) and _is_number(str(one.get("to"))):
                ends = {"from": float(one["from"]), "to": float(one["to"])}
                found.append({"type": "range", "options": ends | {"result": {"text": one.get("text", "")}}})
    return found
