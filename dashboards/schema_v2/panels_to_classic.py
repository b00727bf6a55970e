"""Elements of v2 as panels of the classic model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects, as_text
from deckwatch.dashboards.schema_v2.panels_to_v2 import QUERY_OPTIONS, UNKNOWN_ELEMENT
from deckwatch.dashboards.schema_v2.sources import DASHBOARD, MIXED, restore_source
from deckwatch.dashboards.schema_v2.values import log_unknown, pick_present, read_string

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path

_PANEL_KEYS = ("id", "title", "description", "subtitle", "links", "data", "vizConfig", "transparent")
_ANGULAR = "__angularMigration"  # in options, left by Grafana's own conversion of a removed panel type


def restore_panel(element: JsonMapping, path: Path, log: LossLog) -> JsonObject:
    """Return the classic panel of an element, without id and position."""
    kind, spec = as_text(element.get("kind")), as_object(element.get("spec"))
    path = (*path, "spec")
    title = read_string(spec.get("title"))
    if kind == "LibraryPanel":
        reference = as_object(spec.get("libraryPanel"))
        library = {"uid": read_string(reference.get("uid")), "name": read_string(reference.get("name"))}
        return {"type": "library-panel-ref", "title": title, "libraryPanel": library}
    if kind != "Panel":
        log.add(path[:-1], f"unknown kind {kind or 'without a name'}, kept as it is; classic Grafana cannot draw it")
        return {"type": kind or "unknown", "title": title, UNKNOWN_ELEMENT: dict(element)}
    unknown = log_unknown(spec, _PANEL_KEYS, path, "unknown, kept; the classic form has no equivalent", log)
    for key in ("subtitle",):
        if spec.get(key):
            log.add((*path, key), "kept, but shown only from Grafana 13.2 on and in v2")
    config = as_object(spec.get("vizConfig"))
    viz = as_object(config.get("spec"))
    group = as_object(as_object(spec.get("data")).get("spec"))
    data_path = (*path, "data", "spec")
    log_unknown(group, ("queries", "transformations", "queryOptions"), data_path, "unknown, dropped", log)
    options = {key: value for key, value in as_object(viz.get("options")).items() if key != _ANGULAR}
    query_options = as_object(group.get("queryOptions"))
    log_unknown(query_options, QUERY_OPTIONS, (*data_path, "queryOptions"), "unknown, kept", log)
    if query_options.get("timeTo"):
        log.add((*data_path, "queryOptions", "timeTo"), "kept, but has no effect in the classic form")
    panel: JsonObject = {
        **unknown,
        "type": as_text(config.get("group")) or "timeseries",
        "title": title,
        "description": read_string(spec.get("description")),
        **pick_present(spec, ("subtitle", "transparent")),
        "links": as_objects(spec.get("links")),
        **_restore_data(group, data_path, log),
        **{key: value for key, value in query_options.items() if value is not None},
        "options": options,
    }
    if any(as_object(viz.get("fieldConfig")).values()):
        panel["fieldConfig"] = viz["fieldConfig"]
    if config.get("version"):
        panel["pluginVersion"] = config["version"]
    return {key: value for key, value in panel.items() if key not in ("description", "links") or value}


def _restore_data(group: JsonMapping, path: Path, log: LossLog) -> JsonObject:
    """Return data source, queries and transformations of a panel."""
    targets, sources = [], []
    for index, entry in enumerate(as_objects(group.get("queries"))):
        spec = as_object(entry.get("spec"))
        place = (*path, "queries", index, "spec")
        log_unknown(spec, ("refId", "hidden", "query"), place, "unknown, dropped", log)
        query = as_object(spec.get("query"))
        source = restore_source(query)
        sources.append(source)
        targets.append(
            {
                **as_object(query.get("spec")),
                "refId": read_string(spec.get("refId")),
                **({"hide": True} if spec.get("hidden") else {}),
                **({"datasource": source} if source else {}),
            }
        )
    data: JsonObject = {"targets": targets} if targets else {}
    if sources and (common := _common_source(sources)) is not None:
        data["datasource"] = common
    if transformations := [_restore_transformation(each) for each in as_objects(group.get("transformations"))]:
        data["transformations"] = transformations
    return data


def _common_source(sources: list[JsonObject | None]) -> JsonObject | None:
    """Return the data source of a panel: the one of all its queries, or the one that mixes several.

    Grafana reads another panel's data only by one query; two of them count as mixed.
    """
    first = sources[0]
    is_dashboard = first is not None and first.get("uid") == DASHBOARD
    if all(source == first for source in sources) and not (is_dashboard and len(sources) > 1):
        return first
    return {"type": "mixed", "uid": MIXED}


def _restore_transformation(transformation: JsonMapping) -> JsonObject:
    return {"id": read_string(transformation.get("group")), **as_object(transformation.get("spec"))}
