"""Panels of the classic model as elements of v2: types PanelKind, LibraryPanelKind of @grafana/schema."""

from __future__ import annotations

import itertools
import string
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects, as_text
from deckwatch.dashboards.schema_v2.sources import MIXED, QUERY_VERSION
from deckwatch.dashboards.schema_v2.values import log_unknown, pick_present, read_number, read_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path
    from deckwatch.dashboards.schema_v2.sources import ClassicSources

QUERY_OPTIONS = (
    *("timeFrom", "timeTo", "maxDataPoints", "timeShift", "queryCachingTTL", "interval", "cacheTimeout"),
    *("hideTimeOverride", "timeCompare"),
)
UNKNOWN_ELEMENT = "v2Element"  # holds an element of an unknown kind in the classic form
_KNOWN_KEYS = frozenset(
    (
        *QUERY_OPTIONS,
        *("id", "title", "description", "subtitle", "links", "transparent", "type", "pluginVersion", "options"),
        *("fieldConfig", "transformations", "targets", "datasource", "libraryPanel", "gridPos", "repeat"),
        *("repeatDirection", "maxPerRow", "panels", UNKNOWN_ELEMENT),
        # bookkeeping of Grafana
        *("editable", "error", "isNew", "$$hashKey", "renderer", "span", "height", "scopedVars", "repeatIteration"),
        *("repeatPanelId", "repeatByRow", "repeatedByRow", "collapsed"),
    )
)


def convert_panel(panel: JsonMapping, panel_id: float, sources: ClassicSources, path: Path, log: LossLog) -> JsonObject:
    """Return the element of a panel; its position is in the layout."""
    unknown = as_object(panel.get(UNKNOWN_ELEMENT))
    if unknown:
        return {**unknown, "spec": {**as_object(unknown.get("spec")), "id": panel_id}}
    title = read_string(panel.get("title"))
    if isinstance(panel.get("libraryPanel"), dict):
        reference = as_object(panel["libraryPanel"])
        library = {"uid": read_string(reference.get("uid")), "name": read_string(reference.get("name")) or title}
        return {"kind": "LibraryPanel", "spec": {"id": panel_id, "title": title, "libraryPanel": library}}
    log_unknown(panel, _KNOWN_KEYS, path, "not in v2; Grafana 13 does not read it in a panel", log)
    options = {
        key: read_number(panel[key]) if key in ("maxDataPoints", "queryCachingTTL") else panel[key]
        for key in QUERY_OPTIONS
        if panel.get(key) is not None
    }
    spec: JsonObject = {
        "id": panel_id,
        "title": title,
        "description": read_string(panel.get("description")),  # required until 13.1
        **pick_present(panel, ("subtitle",)),
        "links": convert_links(panel.get("links"), (*path, "links"), log),
        "data": {
            "kind": "QueryGroup",
            "spec": {
                "queries": convert_targets(panel, sources, path, log),
                "transformations": [convert_transformation(each) for each in as_objects(panel.get("transformations"))],
                "queryOptions": {key: value for key, value in options.items() if value is not None},
            },
        },
        "vizConfig": {
            "kind": "VizConfig",
            "group": as_text(panel.get("type")) or "timeseries",
            "version": read_string(panel.get("pluginVersion")),
            "spec": {
                "options": as_object(panel.get("options")),
                "fieldConfig": complete_field_config(panel.get("fieldConfig")),
            },
        },
    }
    if panel.get("transparent") is not None:
        spec["transparent"] = bool(panel["transparent"])
    return {"kind": "Panel", "spec": spec}


def convert_links(links: object, path: Path, log: LossLog) -> list[JsonObject]:
    """Return the links of a panel."""
    converted = []
    for index, link in enumerate(as_objects(links)):
        log_unknown(link, ("title", "url", "targetBlank"), (*path, index), "not in a panel's link in v2", log)
        blank = {"targetBlank": bool(link["targetBlank"])} if link.get("targetBlank") is not None else {}
        converted.append({"title": read_string(link.get("title")), "url": read_string(link.get("url")), **blank})
    return converted


def convert_targets(panel: JsonMapping, sources: ClassicSources, path: Path, log: LossLog) -> list[JsonObject]:
    """Return the queries of a panel; a query without a data source has that of the panel."""
    targets = as_objects(panel.get("targets"))
    taken = {as_text(target.get("refId")) for target in targets}
    free = (name for name in _iterate_names() if name not in taken)
    queries = []
    for index, target in enumerate(targets):
        source = target.get("datasource")
        if source is None and not _is_mixed(panel.get("datasource")):
            source = panel.get("datasource")
        spec = {key: value for key, value in target.items() if key not in ("refId", "hide", "datasource")}
        place = (*path, "targets", index)
        query = {
            "kind": "DataQuery",
            "version": QUERY_VERSION,
            **sources.convert_source(source, target, place, log),
            "spec": spec,
        }
        name = as_text(target.get("refId")) or next(free)
        queries.append(
            {"kind": "PanelQuery", "spec": {"refId": name, "hidden": bool(target.get("hide")), "query": query}}
        )
    return queries


def _is_mixed(source: object) -> bool:
    name = source if isinstance(source, str) else as_object(source).get("uid")
    return name == MIXED


def _iterate_names() -> Iterator[str]:
    """Yield A, B … Z, AA, AB … as Grafana names queries."""
    for length in itertools.count(1):
        yield from map("".join, itertools.product(string.ascii_uppercase, repeat=length))


def convert_transformation(transformation: JsonMapping) -> JsonObject:
    """Return a transformation; keys of later versions stay in its `spec`."""
    spec = {key: value for key, value in transformation.items() if key != "id" and value is not None}
    return {
        "kind": "Transformation",
        "group": read_string(transformation.get("id")),
        "spec": {**spec, "options": transformation.get("options") if "options" in spec else {}},
    }


def complete_field_config(config: object) -> JsonObject:
    """Return the field options with the keys that v2 requires; the value of a base step is null."""
    defaults = dict(as_object(as_object(config).get("defaults")))
    thresholds = defaults.get("thresholds")
    if isinstance(thresholds, dict):
        listed = as_objects(thresholds.get("steps"))
        # The first step begins at minus infinity, whatever its value: Grafana 12 writes 0.
        steps = [{**step, "value": step.get("value") if i else None} for i, step in enumerate(listed)]
        defaults["thresholds"] = {"mode": "absolute", **thresholds, "steps": steps}
    overrides = [
        {
            **override,
            "matcher": {"id": "", **as_object(override.get("matcher"))},
            "properties": as_objects(override.get("properties")),
        }
        for override in as_objects(as_object(config).get("overrides"))
    ]
    return {**as_object(config), "defaults": defaults, "overrides": overrides}
