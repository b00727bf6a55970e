"""Variables of v2 as variables of the classic model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_text
from deckwatch.dashboards.schema_v2.sources import restore_source
from deckwatch.dashboards.schema_v2.values import HIDES, REFRESHES, SORTS, log_unknown, number_name, read_string
from deckwatch.dashboards.schema_v2.variable_kinds import (
    COMMON_KEYS,
    TYPES_BY_KIND,
    VARIABLE_KINDS,
    restore_unknown_type,
)
from deckwatch.dashboards.schema_v2.variables_to_v2 import LEGACY_QUERY

if TYPE_CHECKING:
    from deckwatch.core.json_types import Json, JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path

_HIDDEN = 2
_MORE_KEYS = {
    "query": ("query", "refresh", "sort"),
    "datasource": ("pluginId", "refresh"),
    "interval": ("refresh",),
    "switch": ("current", "enabledValue", "disabledValue"),
}


def restore_variable(variable: JsonMapping, path: Path, log: LossLog) -> JsonObject:
    """Return the classic variable; one of an unknown kind keeps its keys."""
    kind, spec = as_text(variable.get("kind")), as_object(variable.get("spec"))
    name = TYPES_BY_KIND.get(kind)
    common: JsonObject = {
        "name": read_string(spec.get("name")),
        "hide": number_name(spec.get("hide"), HIDES),
        "skipUrlSync": bool(spec.get("skipUrlSync")),
        **{key: spec[key] for key in ("label", "description", "origin") if spec.get(key) is not None},
    }
    if name is None:
        log.add(path, f"unknown kind {kind or 'without a name'} of a variable, kept with its keys")
        return {**spec, **common, "type": restore_unknown_type(kind) or "unknown"}
    fields = VARIABLE_KINDS[name]
    kept = (*fields.required, *fields.optional, *fields.options)
    known = (*COMMON_KEYS, *kept, *_MORE_KEYS.get(name, ()))
    unknown = log_unknown(spec, known, (*path, "spec"), "unknown, kept", log)
    restored: JsonObject = {
        "type": name,
        **common,
        **unknown,
        **{key: spec[key] for key in kept if spec.get(key) is not None},
    }
    if name in ("constant", "textbox"):
        value = read_string(spec.get("query"))
        restored["options"] = [{"selected": True, "text": value, "value": value}]
    if name in ("query", "datasource"):
        restored["refresh"] = number_name(spec.get("refresh"), REFRESHES)
    if name == "query":
        restored["sort"] = number_name(spec.get("sort"), SORTS)
        query = as_object(spec.get("query"))
        restored["query"] = _restore_query(query)
        restored["datasource"] = restore_source(query)
    elif name == "datasource":
        restored["query"] = read_string(spec.get("pluginId"))
    elif name == "interval":
        restored["refresh"] = REFRESHES.index("onTimeRangeChanged")
    elif name == "constant":
        restored["hide"] = _HIDDEN  # otherwise Grafana makes it a text box
    elif name == "switch":
        restored |= _restore_switch(spec)
    if fields.has_source:
        restored["datasource"] = restore_source(variable)
    return {key: value for key, value in restored.items() if key != "datasource" or value is not None}


def _restore_query(query: JsonMapping) -> Json:
    """Return the query of a variable: a text if it was one, otherwise an object."""
    spec = as_object(query.get("spec"))
    return read_string(spec[LEGACY_QUERY]) if LEGACY_QUERY in spec else dict(spec) or ""


def _restore_switch(spec: JsonMapping) -> JsonObject:
    enabled, disabled = read_string(spec.get("enabledValue"), "true"), read_string(spec.get("disabledValue"), "false")
    current = read_string(spec.get("current"), disabled)
    return {
        "current": {"text": current, "value": current},
        "options": [{"text": value, "value": value, "selected": value == current} for value in (enabled, disabled)],
    }
