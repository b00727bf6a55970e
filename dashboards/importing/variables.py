"""The settings of a dashboard outside its panels: title, time range, variables, annotations, links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.dashboards.draw.render import TAG
from deckwatch.dashboards.grafana_model import replace_variables
from deckwatch.dashboards.importing.patch import is_same_json

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject

_RANGE = re.compile(r"now-([0-9]+(?:ms|s|m|h|d|w))\Z")
_REFRESH = re.compile(r"[0-9]+(ms|s|m|h|d|w)\Z")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_LABEL_VALUES = re.compile(r"label_values\((?P<from>.+), *(?P<label>\w+)\)\Z", re.DOTALL)
# Keys whose value the generator, or Grafana itself, determines.
_IGNORED_KEYS = frozenset(
    (
        *("panels", "rows", "title", "description", "tags", "uid", "id", "version", "schemaVersion", "refresh", "time"),
        *("iteration", "gnetId", "style", "hideControls", "sharedCrosshair", "editable", "timepicker", "graphTooltip"),
        *("liveNow", "fiscalYearStartMonth", "weekStart", "timezone", "preload", "snapshot", "overwrite"),
        *("originalTitle", "templating", "annotations", "links"),
    )
)
_OWN_SETTINGS = (
    "timezone",
    "graphTooltip",
    "weekStart",
    "liveNow",
    "fiscalYearStartMonth",
    "editable",
    "time",
    "refresh",
)


def read_header(model: JsonMapping, folder: str, lost: Counter[str]) -> JsonObject:
    """Return the options for title, folder, description, tags, time range and refresh."""
    options: JsonObject = {"dashboard": str(model.get("title") or "Dashboard")}
    if folder not in ("", "General", "Deckwatch"):
        options["folder"] = folder
    if model.get("description"):
        options["about"] = str(model["description"])
    if tags := [str(tag) for tag in model.get("tags") or [] if tag and tag != TAG]:
        options["tags"] = tags
    time = model.get("time") or {}
    match = _RANGE.match(str(time.get("from", "")))
    if match and time.get("to", "now") == "now":
        options["range"] = match[1]
    elif time:
        lost["initial time range, now the last hour"] += 1
    if _REFRESH.match(str(model.get("refresh") or "")):
        options["refresh"] = model["refresh"]
    return options


def read_choices(model: JsonMapping) -> list[JsonObject]:
    """Return the variables that `choose:` can express; the generated ones are compared with the original later."""
    choices: list[JsonObject] = []
    for variable in _variables(model):
        name = str(variable.get("name"))
        query = variable.get("query")
        title = str(variable.get("label") or name)
        text = str(query.get("query") if isinstance(query, dict) else query)
        values = _LABEL_VALUES.match(text)
        if variable.get("type") == "query" and values and values["label"] == name and _LABEL.match(name):
            choices.append({"label": name, "from": values["from"], "title": title})
        elif variable.get("type") == "textbox" and _LABEL.match(name):
            default = {"default": text} if query else {}
            choices.append({"text": name, "title": title, **default})
        elif variable.get("type") == "custom" and _LABEL.match(name):
            options = {str(option.get("text")): str(option.get("value")) for option in variable.get("options") or []}
            current = str((variable.get("current") or {}).get("text", ""))
            if options:
                default = {"default": current} if current in options else {}
                choices.append({"pick": name, "of": options, "title": title, **default})
    return choices


def make_raw(
    model: JsonMapping, generated: JsonMapping, source_kinds: Mapping[str, str], *, is_ours: bool
) -> JsonObject:
    """Return the settings of a dashboard that only `raw:` can express."""
    raw: JsonObject = {}
    generated_sources = [entry for entry in generated["templating"]["list"] if entry["type"] == "datasource"]
    original_variables = (model.get("templating") or {}).get("list") or []
    original_sources = [entry for entry in original_variables if entry.get("type") == "datasource"]
    # Panels that are kept as JSON still use these variables.
    other_sources = [entry for entry in original_sources if not source_kinds.get(str(entry.get("name")))]
    renamed = [rename_sources(variable, source_kinds) for variable in _variables(model)]
    wanted = [*generated_sources, *other_sources, *renamed]
    if is_ours:
        wanted = list(model["templating"]["list"])
    if not is_same_json(wanted, generated["templating"]["list"]):
        raw["templating"] = {"list": wanted}
    annotations = [
        rename_sources(entry, source_kinds)
        for entry in (model.get("annotations") or {}).get("list") or []
        if not entry.get("builtIn")
    ]
    if (annotations or is_ours) and not is_same_json(annotations, generated["annotations"]["list"]):
        raw["annotations"] = {"list": annotations}
    links = model.get("links") or []
    if (links or is_ours) and not is_same_json(links, generated["links"]):
        raw["links"] = links
    for key in _OWN_SETTINGS:
        if is_ours and key in model and not is_same_json(model[key], generated.get(key)):
            raw[key] = model[key]
    return raw


def count_lost_settings(model: JsonMapping, lost: Counter[str], *, is_ours: bool) -> None:
    """Count the settings of a dashboard that its file cannot hold."""
    lost["the dashboard's uid; it now comes from the file's name"] += not is_ours
    for key, value in model.items():
        if value and key not in _IGNORED_KEYS and not key.startswith("__"):
            lost[f"{key} of the dashboard"] += 1


def rename_sources(value: Json, source_kinds: Mapping[str, str]) -> Json:
    """Return a value with the variables of data sources renamed to the generated names."""
    kinds = list(dict.fromkeys(kind for kind in source_kinds.values() if kind))
    names = {name: _source_variable(kind, kinds) for name, kind in source_kinds.items() if kind}
    if not names:
        return value

    def new_reference(name: str) -> str | None:
        return "${" + names[name] + "}" if name in names else None

    def rename_in(value: Json) -> Json:
        if isinstance(value, str):
            return replace_variables(value, new_reference)
        if isinstance(value, list):
            return [rename_in(item) for item in value]
        return {key: rename_in(item) for key, item in value.items()} if isinstance(value, dict) else value

    return rename_in(value)


def _source_variable(kind: str, kinds: list[str]) -> str:
    """Return the name of the variable that holds a data source of a kind; see `dashboards.read.files.variables`."""
    return f"{kind}_datasource" if set(kinds) - {"prometheus"} else "datasource"


def _variables(model: JsonMapping) -> list[JsonObject]:
    variables = (model.get("templating") or {}).get("list") or []
    return [entry for entry in variables if isinstance(entry, dict) and entry.get("type") != "datasource"]
