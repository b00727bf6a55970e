"""Bring JSON of unknown structure into the types that the importer reads, and count what it drops.

Grafana ignores values of other types; files of other programs contain them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections import Counter

    from deckwatch.core.json_types import JsonObject

DROPPED = "value of a type that Grafana does not read"
_MAX_DEPTH = 100
_MAX_NUMBER = 10_000  # of a position or size

_NUMBER = float
_OBJECT: JsonObject = {}
_MAPPING = {"options": _OBJECT}
_DEFAULTS = {"color": _OBJECT, "custom": _OBJECT, "thresholds": {"steps": [_OBJECT]}, "mappings": [_MAPPING]}
_OVERRIDE = {"matcher": _OBJECT, "properties": [_OBJECT]}
_PANEL: JsonObject = {
    "gridPos": {"x": _NUMBER, "y": _NUMBER, "w": _NUMBER, "h": _NUMBER},
    "fieldConfig": {"defaults": _DEFAULTS, "overrides": [_OVERRIDE]},
    "options": _OBJECT,
    "targets": [{"intervalFactor": _NUMBER}],
    "transformations": [_OBJECT],
    "links": [_OBJECT],
    "libraryPanel": _OBJECT,
    "span": _NUMBER,
    "maxPerRow": _NUMBER,
}
_PANEL["panels"] = [_PANEL]
_DASHBOARD: JsonObject = {
    "panels": [_PANEL],
    "rows": [{"panels": [_PANEL]}],
    "tags": [object],
    "links": [_OBJECT],
    "time": _OBJECT,
    "timepicker": _OBJECT,
    "templating": {"list": [{"current": _OBJECT, "options": [_OBJECT]}]},
    "annotations": {"list": [_OBJECT]},
}
# A panel of a type that Grafana has removed.
_OLD_PANEL: JsonObject = {
    **dict.fromkeys(("legend", "tooltip", "aliasColors", "gauge", "sparkline", "sort", "grid"), _OBJECT),
    **{key: [_OBJECT] for key in ("yaxes", "valueMaps", "rangeMaps", "styles")},
    **dict.fromkeys(("fill", "linewidth", "pointradius"), _NUMBER),
    "seriesOverrides": [{"fill": _NUMBER}],
    "y_formats": [object],
}
_REJECTED: Any = object()


def clean_dashboard(model: JsonObject, name: str, lost: Counter[str]) -> JsonObject:
    """Return a dashboard without values of unexpected types; raises DeckwatchError if it is nested too deeply."""
    cleaned: JsonObject = _clean_value(model, _DASHBOARD, name, lost, 0)
    return cleaned


def clean_old_panel(panel: JsonObject, lost: Counter[str]) -> JsonObject:
    """Return a panel of a removed type without values of unexpected types."""
    cleaned: JsonObject = _clean_value(panel, _OLD_PANEL, "", lost, 0)
    return cleaned


def _clean_value(value: Any, shape: Any, name: str, lost: Counter[str], depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise DeckwatchError(f"{name} is nested more than {_MAX_DEPTH} levels deep")
    if value is not None and not _has_shape(value, shape):
        return _REJECTED
    if isinstance(value, dict):
        fields = shape if isinstance(shape, dict) else {}
        cleaned = {
            _drop_surrogates(key): _clean_value(item, fields.get(key, object), name, lost, depth + 1)
            for key, item in value.items()
        }
        kept = {key: item for key, item in cleaned.items() if item is not _REJECTED}
        lost[DROPPED] += len(cleaned) - len(kept)
        return kept
    if isinstance(value, list):
        entry = shape[0] if isinstance(shape, list) else object
        items = [_clean_value(item, entry, name, lost, depth + 1) for item in value]
        accepted = [item for item in items if item is not _REJECTED and (entry is object or item is not None)]
        lost[DROPPED] += len(items) - len(accepted)
        return accepted
    if isinstance(value, float) and not math.isfinite(value):
        return _REJECTED
    if isinstance(value, int) and abs(value) >= 1 << 63:  # JavaScript reads it as a double, ours cannot be written
        return float(value) if abs(value) < 10**300 else _REJECTED
    return _drop_surrogates(value) if isinstance(value, str) else value


def _has_shape(value: Any, shape: Any) -> bool:
    if isinstance(shape, dict):
        return isinstance(value, dict)
    if isinstance(shape, list):
        return isinstance(value, list)
    if shape is _NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER
    return True


def _drop_surrogates(text: str) -> str:
    """Return a text without lone surrogates, which no encoding can write."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
