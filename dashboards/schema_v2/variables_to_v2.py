"""Variables of the classic model as variables of v2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_list, as_object, as_objects, as_text
from deckwatch.dashboards.schema_v2.sources import QUERY_VERSION
from deckwatch.dashboards.schema_v2.values import (
    HIDES,
    REFRESHES,
    SORTS,
    log_unknown,
    name_number,
    pick_present,
    read_flag,
    read_number,
    read_option,
    read_options,
    read_string,
)
from deckwatch.dashboards.schema_v2.variable_kinds import COMMON_KEYS, VARIABLE_KINDS, name_unknown_kind

if TYPE_CHECKING:
    from deckwatch.core.json_types import Json, JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path
    from deckwatch.dashboards.schema_v2.sources import ClassicSources
    from deckwatch.dashboards.schema_v2.variable_kinds import VariableFields

LEGACY_QUERY = "__legacyStringValue"  # holds the query of a classic variable that is only a text
_TEXT_KEYS = ("allValue", "definition", "placeholder")


def convert_variable(variable: JsonMapping, sources: ClassicSources, path: Path, log: LossLog) -> JsonObject:
    """Return a variable; one of an unknown type keeps its keys."""
    name = as_text(variable.get("type"))
    fields = VARIABLE_KINDS.get(name)
    common = _convert_common(variable)
    if fields is None:
        log.add((*path, "type"), f"unknown type {name!r} of a variable, kept with its keys")
        rest = {key: value for key, value in variable.items() if key not in (*COMMON_KEYS, "type")}
        return {"kind": name_unknown_kind(name), "spec": {**rest, **common}}
    known = (*COMMON_KEYS, *fields.required, *fields.optional, *fields.options, *fields.ignored)
    log_unknown(variable, (*known, "type", "selected", "$$hashKey", "index", "global"), path, "not in v2", log)
    spec = {
        **common,
        **{key: _read_required(variable.get(key), default) for key, default in fields.required.items()},
        **pick_present(variable, fields.optional),
        **_convert_options(variable, fields),
    }
    spec |= {key: read_string(spec[key]) for key in _TEXT_KEYS if key in spec}
    if "staticOptions" in spec:
        spec["staticOptions"] = read_options(spec["staticOptions"])
    if name in ("query", "datasource"):
        spec["refresh"] = name_number(variable.get("refresh"), REFRESHES)
    if name == "query":
        spec["sort"] = name_number(variable.get("sort"), SORTS)
        spec["query"] = _convert_query(variable, sources, path, log)
    elif name == "datasource":
        spec["pluginId"] = read_string(variable.get("query"))
    elif name == "interval":
        spec["refresh"] = "onTimeRangeChanged"
    elif name == "switch":
        spec |= _convert_switch(variable)
    elif name == "adhoc":
        spec |= {key: _convert_filters(variable.get(key)) for key in ("baseFilters", "filters")}
    elif name == "groupby" and "defaultValue" in spec:
        spec["defaultValue"] = read_option(spec["defaultValue"])
    source = sources.convert_source(variable.get("datasource"), {}, path, log) if fields.has_source else {}
    return {"kind": fields.kind, **source, "spec": spec}


def _convert_common(variable: JsonMapping) -> JsonObject:
    common: JsonObject = {
        "name": read_string(variable.get("name")),
        "hide": name_number(variable.get("hide"), HIDES),
        "skipUrlSync": bool(variable.get("skipUrlSync")),
    }
    for key in ("label", "description"):
        if variable.get(key) is not None:
            common[key] = read_string(variable[key])
    return common | pick_present(variable, ("origin",))


def _read_required(value: object, default: Json) -> Json:
    """Return a value with the type of its default."""
    if isinstance(default, bool):
        return read_flag(value, default=default)
    if isinstance(default, list):
        return as_objects(value)
    if isinstance(default, int):
        number: float = read_number(value, default)
        return number
    return read_string(value)


def _convert_options(variable: JsonMapping, fields: VariableFields) -> JsonObject:
    """Return the chosen and the offered values."""
    converted: JsonObject = {}
    if "current" in fields.options:
        converted["current"] = read_option(variable.get("current"))
    if "options" in fields.options:
        converted["options"] = read_options(variable.get("options"))
    return converted


def _convert_query(variable: JsonMapping, sources: ClassicSources, path: Path, log: LossLog) -> JsonObject:
    query = variable.get("query")
    spec = dict(query) if isinstance(query, dict) else {LEGACY_QUERY: read_string(query)} if query else {}
    source = sources.convert_source(variable.get("datasource"), {"expr": ""}, path, log)
    return {"kind": "DataQuery", "version": QUERY_VERSION, **source, "spec": spec}


def _convert_switch(variable: JsonMapping) -> JsonObject:
    """Return the values of a switch: its first option is on, its second off."""
    values = [read_string(as_object(option).get("value")) for option in as_list(variable.get("options"))]
    enabled, disabled = (*values, "true", "false")[:2] if len(values) >= 2 else ("true", "false")
    current = as_object(variable.get("current")).get("value")
    return {
        "current": read_string(current, disabled) or disabled,
        "enabledValue": enabled,
        "disabledValue": disabled,
    }


def _convert_filters(filters: object) -> list[JsonObject]:
    return [
        {**each, **{key: read_string(each.get(key), default) for key, default in _FILTER_DEFAULTS.items()}}
        for each in as_objects(filters)
    ]


_FILTER_DEFAULTS = {"key": "", "operator": "=", "value": ""}
