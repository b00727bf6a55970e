"""The kinds of variables in both schemas: their names and the keys that exist in both with the same meaning.

Types *VariableKind of @grafana/schema 13.2 and VariableModel of its classic schema.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class VariableFields(NamedTuple):
    """A kind of variable: `required` keys with defaults, `optional` keys, `options` keys with text and value.

    `ignored` keys of the classic form follow from others or belong to Grafana's editor.
    """

    kind: str
    required: dict[str, Any]
    optional: tuple[str, ...] = ()
    options: tuple[str, ...] = ("current", "options")
    ignored: tuple[str, ...] = ()
    has_source: bool = False


_SELECTION = {"multi": False, "includeAll": False, "allowCustomValue": True}

# By the type of the classic model.
VARIABLE_KINDS = {
    "query": VariableFields(
        "QueryVariable",
        {"regex": "", **_SELECTION},
        ("allValue", "definition", "placeholder", "staticOptions", "staticOptionsOrder", "regexApplyTo"),
        ignored=("tags", "tagsQuery", "tagValuesQuery", "useTags", "datasource", "query", "refresh", "sort"),
    ),
    "custom": VariableFields("CustomVariable", {"query": "", **_SELECTION}, ("allValue", "valuesFormat")),
    "datasource": VariableFields(
        "DatasourceVariable", {"regex": "", **_SELECTION}, ("allValue",), ignored=("query", "refresh")
    ),
    "interval": VariableFields(
        "IntervalVariable", {"query": "", "auto": False, "auto_min": "", "auto_count": 0}, ignored=("refresh",)
    ),
    "constant": VariableFields("ConstantVariable", {"query": ""}, (), ("current",), ("options",)),
    "textbox": VariableFields("TextVariable", {"query": ""}, (), ("current",), ("options", "originalQuery")),
    "adhoc": VariableFields(
        "AdhocVariable",
        {"baseFilters": [], "filters": [], "defaultKeys": [], "allowCustomValue": True},
        ("enableGroupBy",),
        (),
        ("datasource", "current", "options"),
        has_source=True,
    ),
    "groupby": VariableFields(
        "GroupByVariable", {"multi": True}, ("defaultValue",), ignored=("datasource",), has_source=True
    ),
    "switch": VariableFields("SwitchVariable", {}, (), (), ("current", "options", "query")),
}
TYPES_BY_KIND = {fields.kind: name for name, fields in VARIABLE_KINDS.items()}
COMMON_KEYS = ("name", "label", "description", "hide", "skipUrlSync", "origin")


def name_unknown_kind(classic_type: str) -> str:
    """Return a v2 kind for an unknown type of the classic model, from which the type can be restored."""
    return f"{classic_type[:1].upper()}{classic_type[1:]}Variable"


def restore_unknown_type(kind: str) -> str:
    """Return a type of the classic model for an unknown v2 kind."""
    name = kind.removesuffix("Variable")
    return f"{name[:1].lower()}{name[1:]}"
