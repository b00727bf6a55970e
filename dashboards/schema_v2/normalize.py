"""Specs of v2alpha1 and v2beta1, and incomplete ones, as complete specs of v2.

Each object is recognized by its form, not by the version of its file, because a bare spec states none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_list, as_object, as_objects, as_text
from deckwatch.dashboards.schema_v2.loss import Converted, LossLog
from deckwatch.dashboards.schema_v2.normalize_layout import LAYOUT_KINDS, iterate_layouts, normalize_layout
from deckwatch.dashboards.schema_v2.panels_to_v2 import complete_field_config
from deckwatch.dashboards.schema_v2.settings import complete_link
from deckwatch.dashboards.schema_v2.sources import QUERY_VERSION
from deckwatch.dashboards.schema_v2.unusable_values import log_dropped_values
from deckwatch.dashboards.schema_v2.values import (
    CURSOR_SYNCS,
    REFRESH_INTERVALS,
    WEEK_STARTS,
    name_number,
    read_flag,
    read_number,
    read_options,
    read_string,
)
from deckwatch.dashboards.schema_v2.variable_kinds import TYPES_BY_KIND, VARIABLE_KINDS

if TYPE_CHECKING:
    from collections.abc import Collection

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import Path

_GROUPED_KINDS = ("AdhocVariable", "GroupByVariable")


def complete_spec(spec: JsonMapping) -> Converted:
    """Return a spec of any draft as a complete one of v2; unknown kinds are kept and listed."""
    log = LossLog()
    normalized = normalize_spec(spec, log)
    for name, element in normalized["elements"].items():
        _log_unknown_kind(element, ("Panel", "LibraryPanel"), ("spec", "elements", name), log)
    for index, variable in enumerate(normalized["variables"]):
        _log_unknown_kind(variable, TYPES_BY_KIND, ("spec", "variables", index), log)
    for path, layout in iterate_layouts(normalized["layout"], ("spec", "layout")):
        _log_unknown_kind(layout, LAYOUT_KINDS, path, log)
    return Converted(normalized, log.entries)


def _log_unknown_kind(value: JsonMapping, known: Collection[str], path: Path, log: LossLog) -> None:
    kind = as_text(value.get("kind"))
    if kind not in known:
        log.add(path, f"unknown kind {kind or 'without a name'}, kept as it is")


def normalize_spec(spec: JsonMapping, log: LossLog) -> JsonObject:
    """Return a spec with everything that v2 requires; unknown keys and kinds stay as they are."""
    log_dropped_values(spec, log)
    time = as_object(spec.get("timeSettings"))
    normalized: JsonObject = {key: value for key, value in spec.items() if value is not None}
    normalized |= {
        "title": read_string(spec.get("title")),
        "tags": [read_string(tag) for tag in as_list(spec.get("tags")) if tag is not None],
        "cursorSync": name_number(spec.get("cursorSync"), CURSOR_SYNCS),
        "preload": bool(spec.get("preload")),
        "links": [
            complete_link(link, ("spec", "links", index), log)
            for index, link in enumerate(as_objects(spec.get("links")))
        ],
        "annotations": [_normalize_annotation(each) for each in as_objects(spec.get("annotations"))],
        "variables": [normalize_variable(each) for each in as_objects(spec.get("variables"))],
        "elements": _normalize_elements(as_object(spec.get("elements"))),
        "layout": normalize_layout(as_object(spec.get("layout")), normalize_variable),
        "timeSettings": {
            **{key: value for key, value in time.items() if value is not None},
            "from": read_string(time.get("from")) or "now-6h",
            "to": read_string(time.get("to")) or "now",
            "autoRefresh": read_string(time.get("autoRefresh")),
            "autoRefreshIntervals": as_list(time.get("autoRefreshIntervals")) or list(REFRESH_INTERVALS),
            "hideTimepicker": bool(time.get("hideTimepicker")),
            "fiscalYearStartMonth": read_number(time.get("fiscalYearStartMonth"), 0),
        },
    }
    if normalized["timeSettings"].get("weekStart") not in WEEK_STARTS:
        normalized["timeSettings"].pop("weekStart", None)
    return normalized


def _normalize_elements(elements: JsonMapping) -> JsonObject:
    """Return the elements; ids that are not positive or not unique, as the SDKs write them, become new ones."""
    normalized = {name: _normalize_element(each) for name, each in elements.items() if isinstance(each, dict)}
    specs = [each["spec"] for each in normalized.values() if isinstance(each.get("spec"), dict)]
    last = max((int(read_number(spec.get("id"), 0)) for spec in specs), default=0)
    taken: set[float] = set()
    for spec in specs:
        number = read_number(spec.get("id"), 0)
        if number <= 0 or number in taken:
            last = max(last, 0) + 1
            spec["id"] = number = last
        taken.add(number)
    return normalized


def _normalize_element(element: JsonMapping) -> JsonObject:
    spec = as_object(element.get("spec"))
    identity = {"id": read_number(spec.get("id"), 0), "title": read_string(spec.get("title"))}
    if element.get("kind") == "LibraryPanel":
        reference = as_object(spec.get("libraryPanel"))
        library = {"uid": read_string(reference.get("uid")), "name": read_string(reference.get("name"))}
        return {**element, "spec": {**identity, "libraryPanel": library}}
    if element.get("kind") != "Panel":
        return {**element, "spec": dict(spec)}
    data = as_object(spec.get("data"))
    group = as_object(data.get("spec"))
    return {
        **element,
        "spec": {
            **{key: value for key, value in spec.items() if value is not None},
            **identity,
            "description": read_string(spec.get("description")),
            "links": [
                {**link, "title": read_string(link.get("title")), "url": read_string(link.get("url"))}
                for link in as_objects(spec.get("links"))
            ],
            "data": {
                "kind": "QueryGroup",
                "spec": {
                    **group,
                    "queries": [_normalize_query(each) for each in as_objects(group.get("queries"))],
                    "transformations": [
                        _normalize_transformation(each) for each in as_objects(group.get("transformations"))
                    ],
                    "queryOptions": {
                        key: value for key, value in as_object(group.get("queryOptions")).items() if value is not None
                    },
                },
            },
            "vizConfig": _normalize_viz(as_object(spec.get("vizConfig"))),
        },
    }


def _normalize_viz(config: JsonMapping) -> JsonObject:
    """Return a VizConfig; in v2alpha1 its kind is the panel type and its version is in the spec."""
    spec = as_object(config.get("spec"))
    is_old = config.get("kind") != "VizConfig"
    return {
        "kind": "VizConfig",
        "group": as_text(config.get("kind") if is_old else config.get("group")),
        "version": read_string(config.get("version") or spec.get("pluginVersion")),
        "spec": {
            **{key: value for key, value in spec.items() if key != "pluginVersion" and value is not None},
            "options": as_object(spec.get("options")),
            "fieldConfig": complete_field_config(spec.get("fieldConfig")),
        },
    }


def _normalize_query(entry: JsonMapping) -> JsonObject:
    """Return a PanelQuery; in v2alpha1 its data source is beside the query."""
    spec = as_object(entry.get("spec"))
    rest = {key: value for key, value in spec.items() if key != "datasource" and value is not None}
    return {
        "kind": "PanelQuery",
        "spec": {
            **rest,
            "refId": read_string(spec.get("refId")),
            "hidden": bool(spec.get("hidden")),
            "query": _normalize_data_query(as_object(spec.get("query")), spec.get("datasource")),
        },
    }


def _normalize_data_query(query: JsonMapping, source: object) -> JsonObject:
    """Return a DataQuery; in v2alpha1 its kind is the data source's type, and `source` has type and uid."""
    reference = as_object(source)
    group = as_text(query.get("group"))
    if not group and query.get("kind") != "DataQuery":
        group = as_text(reference.get("type")) or as_text(query.get("kind"))
    name = read_string(as_object(query.get("datasource")).get("name")) or read_string(reference.get("uid"))
    rest = {key: value for key, value in query.items() if key != "datasource" and value is not None}
    return {
        **rest,
        "kind": "DataQuery",
        "group": group,
        "version": read_string(query.get("version")) or QUERY_VERSION,
        **({"datasource": {"name": name}} if name else {}),
        "spec": dict(as_object(query.get("spec"))),
    }


def _normalize_transformation(entry: JsonMapping) -> JsonObject:
    """Return a Transformation; before v2 its kind was the id, which its spec has too."""
    spec = as_object(entry.get("spec"))
    is_old = entry.get("kind") != "Transformation"
    rest = {key: value for key, value in spec.items() if not (is_old and key == "id") and value is not None}
    group = (spec.get("id") or entry.get("kind")) if is_old else entry.get("group")
    return {"kind": "Transformation", "group": read_string(group), "spec": {**rest, "options": spec.get("options", {})}}


def _normalize_annotation(entry: JsonMapping) -> JsonObject:
    spec = as_object(entry.get("spec"))
    rest = {key: value for key, value in spec.items() if key != "datasource" and value is not None}
    return {
        **entry,
        "spec": {
            **rest,
            "name": read_string(spec.get("name")),
            "enable": read_flag(spec.get("enable"), default=True),
            "hide": bool(spec.get("hide")),
            "iconColor": read_string(spec.get("iconColor")),
            "query": _normalize_data_query(as_object(spec.get("query")), spec.get("datasource")),
        },
    }


def normalize_variable(variable: JsonMapping) -> JsonObject:
    """Return a variable with the data source where v2 has it and without null."""
    spec = as_object(variable.get("spec"))
    kind = as_text(variable.get("kind"))
    rest = {key: value for key, value in spec.items() if key != "datasource" and value is not None}
    result = {**variable, "spec": rest}
    fields = VARIABLE_KINDS.get(TYPES_BY_KIND.get(kind, ""))
    if fields is None:
        return dict(variable)
    if kind == "QueryVariable":
        rest["query"] = _normalize_data_query(as_object(spec.get("query")), spec.get("datasource"))
    if kind in _GROUPED_KINDS:
        source = _normalize_data_query(variable, spec.get("datasource"))
        result |= {key: source[key] for key in ("group", "datasource") if key in source}
        result["group"] = as_text(variable.get("group")) or as_text(as_object(spec.get("datasource")).get("type"))
    if "options" in fields.options:
        rest["options"] = read_options(spec.get("options"))
    return result
