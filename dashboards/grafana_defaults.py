"""Values that Grafana adds when it saves a dashboard: a dashboard that states one equals a dashboard without it.

Grafana's schemas of dashboards (kinds/dashboard/dashboard_kind.cue) and its conversions between their versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.importing.match_options import DEFAULTS as PANEL_DEFAULTS
from deckwatch.dashboards.importing.patch import MISSING, LeafPath, is_same_json

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject

_SETTINGS: dict[LeafPath, Any] = {
    ("preload",): False,
    ("weekStart",): "",
    ("liveNow",): False,
    ("fiscalYearStartMonth",): 0,
    ("graphTooltip",): 0,
    ("editable",): True,
    ("timezone",): "browser",
    ("refresh",): "",
}
_VARIABLE: dict[LeafPath, Any] = {
    ("allowCustomValue",): True,
    ("skipUrlSync",): False,
    ("multi",): False,
    ("includeAll",): False,
    ("hide",): 0,
    ("sort",): 0,
    ("regexApplyTo",): "value",
}
_ANNOTATION: dict[LeafPath, Any] = {
    ("hide",): False,
    ("enable",): True,
    ("builtIn",): 0,
    ("filter", "exclude"): False,
    ("useValueForTime",): False,
}
_QUERY: dict[LeafPath, Any] = {
    ("hide",): False,
    ("instant",): False,
    ("range",): True,
    ("exemplar",): False,
    ("format",): "time_series",
    ("intervalFactor",): 1,
    ("useBackend",): False,
    ("fullMetaSearch",): False,
    ("includeNullMetadata",): True,
    ("disableTextWrap",): False,
}
_LINK: JsonObject = {
    **dict.fromkeys(("asDropdown", "includeVars", "keepTime", "targetBlank"), False),
    "placement": "",
}
_STEPS: LeafPath = ("fieldConfig", "defaults", "thresholds", "steps")


def is_default(kind: str, path: LeafPath, value: object) -> bool:
    """Return whether Grafana treats a value at a path like its absence; `kind` is variable, events, panel or ''."""
    if value is None or value in ("", [], {}):
        return True
    if path[:1] == ("targets",):
        return path[2:] in _QUERY and is_same_json(_QUERY[path[2:]], value)
    defaults = {"variable": _VARIABLE, "events": _ANNOTATION, "panel": PANEL_DEFAULTS, "row": PANEL_DEFAULTS}
    known = defaults.get(kind, _SETTINGS)
    return path in known and is_same_json(known[path], value)


def is_same_value(kind: str, path: LeafPath, one: Any, other: Any) -> bool:
    """Return whether two values at a path mean the same to Grafana; MISSING stands for none."""
    if one is MISSING or other is MISSING:
        return is_default(kind, path, other if one is MISSING else one)
    return is_same_json(_normalize_value(path, one), _normalize_value(path, other))


def _normalize_value(path: LeafPath, value: Any) -> Any:
    if path == ("links",) and isinstance(value, list):
        return [_without_defaults(link) if isinstance(link, dict) else link for link in value]
    if path == _STEPS and isinstance(value, list):
        # The first step begins at minus infinity; Grafana 12 writes 0.
        return [{**step, "value": step.get("value") if i else None} for i, step in enumerate(value)]
    return _without_empty(value)


def _without_defaults(link: JsonMapping) -> JsonObject:
    return {
        key: value
        for key, value in link.items()
        if value not in (None, "", [], {}) and not (key in _LINK and is_same_json(_LINK[key], value))
    }


def _without_empty(value: Any) -> Any:
    """Return a value without keys that are null: Grafana omits or adds them."""
    if isinstance(value, dict):
        return {key: _without_empty(inner) for key, inner in value.items() if inner is not None}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value
