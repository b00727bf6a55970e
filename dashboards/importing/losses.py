"""The properties of an imported dashboard that the generated one lacks, as short texts for the report.

Nothing is lost silently: what is not in the result is counted here, except Grafana's defaults and bookkeeping (ids,
versions, the state of the editor), which no version of Grafana shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from deckwatch.dashboards.importing.match_options import DEFAULTS, MAPPINGS, is_no_data_text
from deckwatch.dashboards.importing.patch import MISSING, LeafPath, is_same_json, iterate_leaves, value_at
from deckwatch.dashboards.schema_v2.to_classic import SECTION

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterator, Mapping

    from deckwatch.core.json_types import JsonMapping
    from deckwatch.dashboards.importing.draft import Draft

# Keys that have the same name in a panel of any age.
UNCHANGED_KEYS = frozenset(
    (
        *("title", "description", "gridPos", "datasource", "targets", "interval", "maxDataPoints", "timeFrom"),
        *("timeShift", "repeat", "repeatDirection", "maxPerRow", "links", "id", "transparent", "hideTimeOverride"),
        *("cacheTimeout", "queryCachingTTL"),
    )
)
# Bookkeeping of Grafana in panels and rows.
_IDLE_PANEL_KEYS = frozenset(
    (
        *("type", "span", "height", "editable", "error", "isNew", "pluginVersion", "$$hashKey", "renderer"),
        *("repeatIteration", "repeatPanelId", "repeatByRow", "repeatedByRow", "scopedVars"),
    )
)
_IDLE_ROW_KEYS = frozenset(
    (
        *("panels", "title", "type", "id", "gridPos", "collapse", "collapsed", "repeat", "height", "showTitle"),
        *("titleSize", "editable", "datasource", "targets", "span", "repeatIteration", "repeatRowId", "repeatPanelId"),
        *("scopedVars", "$$hashKey", "repeatDirection", "fieldConfig", "options", "pluginVersion", "isNew"),
        SECTION,
    )
)
# Keys of an expressed query that only Grafana's editors read, that belong to other data sources, or that are compared
# separately.
_IDLE_QUERY_KEYS = frozenset(
    (
        *("refId", "datasource", "expr", "rawSql", "rawQuery", "editorMode", "key", "requestId", "queryType", "hidden"),
        *("includeNullMetadata", "fullMetaSearch", "disableTextWrap", "useBackend", "builderMode", "showSeriesCount"),
        *("step", "intervalFactor", "interval", "exemplar", "metric", "dsType", "target", "calculatedInterval"),
        *("policy", "resultFormat", "select", "groupBy", "orderByTime", "where", "measurement", "tags", "refID"),
        *("sql", "table", "dataset", "timeColumn", "timeColumnType", "metricColumn", "rawSqlQuery", "$$hashKey"),
    )
)
_QUERY_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "format": ("time_series", "table", "heatmap"),  # the keyword sets the right one
    "direction": ("backward",),
    "resolution": (1,),
    "range": (True,),
    "legendFormat": ("__auto",),
}


class OldPanelType(Protocol):
    """A module of `older`: the paths that it converts or reports, and values by path that have no effect."""

    READ: frozenset[str]
    IDLE: Mapping[str, Collection[Any]]


def find_unread_keys(panel: JsonMapping, module: OldPanelType) -> list[str]:
    """Return the paths of a panel of a removed type that its upgrade neither reads nor reports."""
    idle = [path for path, values in module.IDLE.items() if not values]
    ignored = (*UNCHANGED_KEYS, *_IDLE_PANEL_KEYS, *module.READ, *idle)
    found: dict[str, None] = {}
    for path, value in _iterate_deep_leaves(panel):
        if not _has_prefix(path, ignored) and (
            value not in module.IDLE[path] if path in module.IDLE else not _has_no_effect(value)
        ):
            found[".".join(part for part in path.split(".") if not part.isdigit())] = None
    return list(found)


def _iterate_deep_leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and value of everything that is not a non-empty object or list."""
    if isinstance(value, (dict, list)) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _iterate_deep_leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _has_no_effect(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _has_prefix(path: str, prefixes: Collection[str]) -> bool:
    parts = path.split(".")
    return any(".".join(parts[:i]) in prefixes for i in range(1, len(parts) + 1))


def count_old_row(row: JsonMapping, lost: Counter[str], *, is_shown: bool) -> None:
    """Count what a row of Grafana 4 or older loses."""
    count_row(row, lost)
    if not is_shown and row.get("title") and row.get("panels"):
        lost["hidden title of a row"] += 1


def count_row(row: JsonMapping, lost: Counter[str]) -> None:
    """Count the keys of a row that a row of a dashboard file lacks."""
    lost.update(
        f"{key} of a row" for key, value in row.items() if key not in _IDLE_ROW_KEYS and not _has_no_effect(value)
    )


def count_panel(draft: Draft, generated: JsonMapping, lost: Counter[str]) -> None:
    """Count the properties of a panel that its generated form lacks."""
    compared = {key: value for key, value in draft.panel.items() if key not in _COMPARED_SEPARATELY}
    for path, value in iterate_leaves(compared):
        actual = value_at(generated, path)
        if _is_same_or_default(path, value, actual) or (path == _STEPS and _has_same_limits(value, actual)):
            continue
        lost[f"{'.'.join(path)} of a panel"] += 1
    if draft.queries is None and not draft.type.source:
        return
    pairs = zip(draft.panel.get("targets") or [], generated.get("targets") or [], strict=False)
    for target, result in pairs:
        for key, value in target.items():
            if key in _IDLE_QUERY_KEYS or _has_no_effect(value) or value in _QUERY_DEFAULTS.get(key, ()):
                continue
            if not is_same_json(value, result.get(key)):
                lost[f"{key} of a query"] += 1


_COMPARED_SEPARATELY = frozenset(
    (*("id", "gridPos", "targets", "datasource", "title", "type", "pluginVersion", "description"), "libraryPanel")
)
_STEPS: LeafPath = ("fieldConfig", "defaults", "thresholds", "steps")
_OVERRIDES: LeafPath = ("fieldConfig", "overrides")


def _is_same_or_default(path: LeafPath, value: Any, actual: Any) -> bool:
    if value == {} or (path == MAPPINGS and value == [] and actual is not MISSING and is_no_data_text(actual)):
        return True
    if actual is MISSING:
        return value in (None, "", []) or (path in DEFAULTS and is_same_json(value, DEFAULTS[path]))
    if path == _OVERRIDES and isinstance(value, list) and isinstance(actual, list):
        return len(value) == len(actual)  # ordered as generated; equal otherwise
    return value is None or is_same_json(_without_nulls(value), _without_nulls(actual))


def _has_same_limits(steps: Any, actual: Any) -> bool:
    """Return whether thresholds have the same values; a change of their colours is counted where it is made."""
    if not isinstance(steps, list) or not isinstance(actual, list):
        return False
    return [step.get("value") for step in steps] == [step.get("value") for step in actual]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
