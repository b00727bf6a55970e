"""The settings of a dashboard: time, refresh, links and the keys of its first level in both schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_list, as_object, as_objects
from deckwatch.dashboards.schema_v2.values import (
    CURSOR_SYNCS,
    REFRESH_INTERVALS,
    WEEK_STARTS,
    log_unknown,
    name_number,
    number_name,
    pick_present,
    read_flag,
    read_number,
    read_string,
)

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path

_LINK_FLAGS = ("asDropdown", "targetBlank", "includeVars", "keepTime")
_LINK_KEYS = ("title", "type", "icon", "tooltip", "url", "tags", *_LINK_FLAGS, "placement", "origin")
_FLAGS = ("editable", "liveNow")
_PICKER = {"nowDelay": "nowDelay", "quick_ranges": "quickRanges"}
_TIME_KEYS = (
    *("from", "to", "timezone", "autoRefresh", "autoRefreshIntervals", "quickRanges", "hideTimepicker"),
    *("weekStart", "fiscalYearStartMonth", "nowDelay"),
)


def convert_settings(model: JsonMapping, log: LossLog) -> JsonObject:
    """Return title, tags, links, time settings and the other settings of a classic model as v2 has them."""
    settings: JsonObject = {"title": read_string(model.get("title"))}
    if model.get("description") is not None:
        settings["description"] = read_string(model["description"])
    settings |= {
        "tags": [read_string(tag) for tag in as_list(model.get("tags")) if tag is not None],
        "cursorSync": name_number(model.get("graphTooltip"), CURSOR_SYNCS),
        "preload": bool(model.get("preload")),
        **{key: read_flag(model[key], default=True) for key in _FLAGS if model.get(key) is not None},
        **pick_present(model, ("revision",)),
        "links": [
            complete_link(link, ("links", index), log) for index, link in enumerate(as_objects(model.get("links")))
        ],
        "timeSettings": _convert_time(model),
    }
    return settings


def complete_link(link: JsonMapping, path: Path, log: LossLog) -> JsonObject:
    """Return a link of a dashboard with all keys that v2 requires."""
    log_unknown(link, (*_LINK_KEYS, "$$hashKey"), path, "not in a dashboard's link in v2", log)
    return {
        "title": read_string(link.get("title")),
        "type": "dashboards" if link.get("type") == "dashboards" else "link",
        "icon": read_string(link.get("icon")),
        "tooltip": read_string(link.get("tooltip")),
        "url": read_string(link.get("url")),
        "tags": [read_string(tag) for tag in as_list(link.get("tags"))],
        **{key: bool(link.get(key)) for key in _LINK_FLAGS},
        **pick_present(link, ("placement", "origin")),
    }


def _convert_time(model: JsonMapping) -> JsonObject:
    time, picker = as_object(model.get("time")), as_object(model.get("timepicker"))
    intervals = [read_string(each) for each in as_list(picker.get("refresh_intervals"))]
    settings: JsonObject = {
        "from": read_string(time.get("from")) or "now-6h",
        "to": read_string(time.get("to")) or "now",
        "autoRefresh": read_string(model.get("refresh")) if model.get("refresh") is not False else "",
        "autoRefreshIntervals": intervals or list(REFRESH_INTERVALS),
        "hideTimepicker": bool(picker.get("hidden")),
        "fiscalYearStartMonth": read_number(model.get("fiscalYearStartMonth"), 0),
    }
    if model.get("timezone") is not None:
        settings["timezone"] = read_string(model["timezone"])
    if model.get("weekStart") in WEEK_STARTS:
        settings["weekStart"] = model["weekStart"]
    return settings | {key: picker[classic] for classic, key in _PICKER.items() if picker.get(classic)}


def restore_settings(spec: JsonMapping, log: LossLog) -> JsonObject:
    """Return the settings of a v2 spec as the classic model has them."""
    time, path = as_object(spec.get("timeSettings")), ("spec", "timeSettings")
    log_unknown(time, _TIME_KEYS, path, "unknown, dropped", log)
    picker: JsonObject = {"hidden": True} if time.get("hideTimepicker") else {}
    intervals = as_list(time.get("autoRefreshIntervals"))
    if intervals and intervals != list(REFRESH_INTERVALS):
        picker["refresh_intervals"] = intervals
    picker |= {classic: time[key] for classic, key in _PICKER.items() if time.get(key)}
    settings: JsonObject = {
        "title": read_string(spec.get("title")),
        **pick_present(spec, ("description",)),
        "tags": as_list(spec.get("tags")),
        "editable": read_flag(spec.get("editable"), default=True),
        **pick_present(spec, ("liveNow", "revision")),
        **({"preload": True} if spec.get("preload") else {}),
        "graphTooltip": number_name(spec.get("cursorSync"), CURSOR_SYNCS),
        "time": {"from": time.get("from") or "now-6h", "to": time.get("to") or "now"},
        "refresh": read_string(time.get("autoRefresh")),
        "timepicker": picker,
        "timezone": read_string(time.get("timezone")),
        "weekStart": read_string(time.get("weekStart")),
        "fiscalYearStartMonth": read_number(time.get("fiscalYearStartMonth"), 0),
        "links": as_objects(spec.get("links")),
    }
    return settings
