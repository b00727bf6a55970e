"""The settings of a dashboard outside its panels: title, time range, variables, annotations, links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.dashboards.draw.render import TAG
from deckwatch.dashboards.grafana_model import MIN_REFRESH, refreshes_too_fast, replace_variables
from deckwatch.dashboards.importing.patch import is_same_json
from deckwatch.dashboards.resolve import report_link

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject

_RANGE = re.compile(r"now-([0-9]+(?:ms|s|m|h|d|w))\Z")
_REFRESH = re.compile(r"[0-9]+(ms|s|m|h|d|w)\Z")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_LABEL_VALUES = re.compile(r"label_values\((?P<from>.+), *(?P<label>\w+)\)\Z", re.DOTALL)
# Bookkeeping of Grafana, what the generator determines, and what is read elsewhere.
_IGNORED_KEYS = frozenset(
    (
        *("panels", "rows", "title", "description", "tags", "uid", "id", "version", "schemaVersion", "iteration"),
        *("gnetId", "style", "hideControls", "sharedCrosshair", "editable", "snapshot", "overwrite", "originalTitle"),
        *("templating", "annotations", "links"),
    )
)
_SETTINGS = (
    *("time", "refresh", "timezone", "graphTooltip", "weekStart", "liveNow", "fiscalYearStartMonth", "preload"),
    *("timepicker", "editable"),
)
# Values of settings that mean the same as the generated ones.
_DEFAULTS: dict[str, tuple[Json, ...]] = {
    "timezone": ("", "browser", "default"),
    "weekStart": ("", "browser"),
    "liveNow": (False,),
    "preload": (False,),
    "fiscalYearStartMonth": (0,),
}
_MAX_TAG = 50  # characters, of `tags` in dashboard.schema.yaml
_TIME_PICKER_KEYS = ("hidden", "nowDelay", "quick_ranges", "refresh_intervals")
_REFRESH_INTERVALS = ("5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "2h", "1d")


def read_header(model: JsonMapping, folder: str, lost: Counter[str]) -> JsonObject:
    """Return the options for title, folder, description, tags, time range and refresh."""
    options: JsonObject = {"dashboard": str(model.get("title") or "Dashboard")}
    if own := read_folder(folder):
        options["folder"] = own
    if model.get("description"):
        options["about"] = str(model["description"])
    tags = [str(tag) for tag in model.get("tags") or [] if tag and tag != TAG]
    if kept := [tag for tag in tags if len(tag) <= _MAX_TAG]:
        options["tags"] = kept
    lost[f"tag of more than {_MAX_TAG} characters"] += len(tags) - len(kept)
    time = model.get("time") or {}
    match = _RANGE.match(str(time.get("from", "")))
    if match and time.get("to", "now") == "now":
        options["range"] = match[1]
    refresh = model.get("refresh")
    if _REFRESH.match(str(refresh or "")):
        too_fast = refreshes_too_fast(refresh)
        options["refresh"] = MIN_REFRESH if too_fast else refresh
        if too_fast:
            lost[f"refresh interval below Grafana's minimum, now {MIN_REFRESH}"] += 1
    return options


def read_report(model: JsonMapping) -> JsonObject:
    """Return the option for the report that one of our dashboards links to; its address is the project's."""
    audiences = [report_link.read_audience(str(link.get("url", ""))) for link in model.get("links") or []]
    return next(({"report": audience} for audience in audiences if audience), {})


def read_folder(title: str) -> str:
    """Return the title of a dashboard's folder, "" for the one of dashboards that name none."""
    return "" if title in ("General", "Deckwatch") else title


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


def choice_name(choice: JsonMapping) -> str:
    """Return the name of the variable that an entry of `choose:` describes."""
    return str(choice.get("label") or choice.get("text") or choice.get("pick"))


def read_titles(model: JsonMapping) -> dict[str, str]:
    """Return the titles of all variables but data sources, by name."""
    return {str(entry.get("name")): str(entry.get("label") or entry.get("name")) for entry in _variables(model)}


def is_label(name: str) -> bool:
    """Return whether a variable of this name can be an entry of `choose:`."""
    return _LABEL.match(name) is not None


def make_raw(
    model: JsonMapping, generated: JsonMapping, source_kinds: Mapping[str, str], *, is_ours: bool
) -> JsonObject:
    """Return the settings of a dashboard that only `raw:` can express."""
    raw: JsonObject = {}
    original_variables = (model.get("templating") or {}).get("list") or []
    original_sources = [entry for entry in original_variables if entry.get("type") == "datasource"]
    main_sources = {
        _source_name(entry, source_kinds): entry
        for entry in original_sources
        if source_kinds.get(str(entry.get("name")))
    }
    generated_sources = [
        {**entry, **_source_settings(main_sources.get(str(entry["name"]), {}))}
        for entry in generated["templating"]["list"]
        if entry["type"] == "datasource"
    ]
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
        if not _is_default_annotation(entry)
    ]
    if (annotations or is_ours) and not is_same_json(annotations, generated["annotations"]["list"]):
        raw["annotations"] = {"list": annotations}
    links = model.get("links") or []
    if is_ours:
        links = [link for link in links if not report_link.read_audience(str(link.get("url", "")))]
    if (links or is_ours) and not is_same_json(links, generated["links"]):
        raw["links"] = links
    for key in _SETTINGS:
        value = model.get(key) if is_ours else _effective_setting(key, model.get(key))
        if value is not None and not is_same_json(value, generated.get(key)):
            raw[key] = value
    return raw


def _effective_setting(key: str, value: Json) -> Json:
    """Return the value of a setting of a foreign dashboard; None for a default and for what we choose ourselves."""
    if value is None or key == "editable" or value in _DEFAULTS.get(key, ()):
        return None
    if key == "refresh":
        return None if refreshes_too_fast(value) else value or ""
    if key == "graphTooltip":  # all graphs share a crosshair unless they also share the tooltip
        return value if value == 2 else None
    if isinstance(value, dict) and key == "timepicker":
        return _effective_time_picker(value) or None
    return value


def _effective_time_picker(picker: JsonMapping) -> JsonObject:
    """Return the options of the time picker that differ from Grafana's."""
    options = {name: picker[name] for name in _TIME_PICKER_KEYS if picker.get(name)}
    intervals = options.get("refresh_intervals")
    # The default; before Grafana 7 without the shortest.
    if intervals in (list(_REFRESH_INTERVALS), list(_REFRESH_INTERVALS[1:])):
        del options["refresh_intervals"]
    return options


def _is_default_annotation(entry: JsonMapping) -> bool:
    """Return whether an entry is the one that Grafana adds to every dashboard, unchanged."""
    is_shown = entry.get("enable", True) is not False and entry.get("hide", True) is not False
    tags = entry.get("tags") or (entry.get("target") or {}).get("tags")
    return bool(entry.get("builtIn")) and is_shown and not tags


def count_lost_settings(model: JsonMapping, name: str, lost: Counter[str], *, is_ours: bool) -> None:
    """Count the settings of a dashboard that its file, called `name`, cannot hold."""
    if is_ours:
        return
    lost["the dashboard's uid; it now comes from the file's name"] += model.get("uid") not in (None, "", name)
    lost["separate crosshairs, now one in all graphs"] += model.get("graphTooltip") == 0
    lost["library panel in the file"] += len(model.get("__elements") or ())
    for key, value in model.items():
        if value and key not in (*_IGNORED_KEYS, *_SETTINGS) and not key.startswith("__"):
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


def _source_name(variable: JsonMapping, source_kinds: Mapping[str, str]) -> str:
    """Return the generated name of the variable of a data source."""
    kinds = list(dict.fromkeys(kind for kind in source_kinds.values() if kind))
    return _source_variable(source_kinds[str(variable.get("name"))], kinds)


def _source_settings(variable: JsonMapping) -> JsonObject:
    """Return the settings of a data source's variable that have an effect."""
    return {key: variable[key] for key in ("regex", "hide", "multi", "includeAll") if variable.get(key)}


def _variables(model: JsonMapping) -> list[JsonObject]:
    variables = (model.get("templating") or {}).get("list") or []
    return [entry for entry in variables if isinstance(entry, dict) and entry.get("type") != "datasource"]
