"""Differences of two Grafana dashboards, as text: `panel CPU: unit short → percent`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.dashboards import grafana_defaults
from deckwatch.dashboards.grafana_model import walk_panels
from deckwatch.dashboards.importing.patch import MISSING, LeafPath, iterate_leaves
from deckwatch.dashboards.table_footer import complete_footer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.json_types import JsonMapping, JsonObject

# Fields that Grafana sets itself.
_MANAGED = frozenset(("id", "version", "iteration", "pluginVersion", "schemaVersion"))
_MAX_LENGTH = 60
_NAMES: dict[LeafPath, str] = {
    ("fieldConfig", "defaults", "thresholds", "steps"): "thresholds",
    ("fieldConfig", "defaults", "mappings"): "words for values",
    ("fieldConfig", "defaults", "noValue"): "what is written without data",
    ("fieldConfig", "overrides"): "single series",
    ("maxDataPoints",): "most points",
    ("timeFrom",): "range",
    ("timeShift",): "shift",
    ("interval",): "least step",
}


def list_changes(before: JsonMapping, after: JsonMapping) -> list[str]:
    """Return the changes from the first dashboard to the second, one per line.

    Panels are matched by id, which is made from their name, and otherwise by title.
    """
    found = list(_compare_values("", _top_values(before), _top_values(after)))
    found += _compare_lists("variable", _list_by_name(before, "templating"), _list_by_name(after, "templating"))
    found += _compare_lists("events", _list_by_name(before, "annotations"), _list_by_name(after, "annotations"))
    old, new = _list_items(before), _list_items(after)
    pairs = _match_panels(old, new)
    found += [f"- {_describe_panel(panel)}" for i, panel in enumerate(old) if i not in pairs]
    taken = set(pairs.values())
    found += [f"+ {_describe_panel(panel)}" for i, panel in enumerate(new) if i not in taken]
    for i, j in pairs.items():
        found += _compare_values(_describe_panel(new[j]), old[i], new[j])
    return found


def has_changes(before: JsonMapping, after: JsonMapping) -> bool:
    """Return whether two dashboards differ in anything but fields that Grafana sets itself."""
    return bool(list_changes(before, after))


def list_layout_changes(layout: Any) -> list[str]:
    """Return the parts of a v2 dashboard's layout that rows replace: tabs, and a grid without positions.

    The classic form of such a dashboard, with which ours is compared, has rows in their place.
    """
    tabs: list[str] = []
    grids = 0
    pending = [layout]
    while pending:
        value = pending.pop(0)
        if isinstance(value, list):
            pending[:0] = value
        elif isinstance(value, dict):
            spec = value.get("spec")
            title = spec.get("title") if isinstance(spec, dict) else ""
            tabs += [str(title or "Tab")] if value.get("kind") == "TabsLayoutTab" else []
            grids += value.get("kind") == "AutoGridLayout"
            pending[:0] = list(value.values())
    return ([f"tabs {', '.join(tabs)} → rows"] if tabs else []) + (["automatic grid → positions"] if grids else [])


def list_panels(model: JsonMapping) -> list[JsonObject]:
    """Return a dashboard's panels without its rows."""
    return [one for one in _list_items(model) if one.get("type") != "row"]


def count_queries(model: JsonMapping) -> int:
    """Return the number of queries in a dashboard's panels."""
    return sum(len(one.get("targets") or []) for one in list_panels(model))


def _top_values(model: JsonMapping) -> JsonObject:
    return {key: one for key, one in model.items() if key not in ("panels", "templating", "annotations")}


def _list_by_name(model: JsonMapping, key: str) -> JsonObject:
    listed = (model.get(key) or {}).get("list") or []
    return {str(one.get("name")): one for one in listed if not one.get("builtIn")}


def _list_items(model: JsonMapping) -> list[JsonObject]:
    panels = map(complete_footer, walk_panels(model))
    return [{key: value for key, value in panel.items() if key != "panels"} for panel in panels]


def _match_panels(old: Sequence[JsonMapping], new: Sequence[JsonMapping]) -> dict[int, int]:
    """Return the index of the matching new panel for each old one."""
    found: dict[int, int] = {}
    for name in (_id_key, _title_key):
        where: dict[Any, int] = {}
        for j, panel in enumerate(new):
            if j not in found.values():
                where.setdefault(name(panel), j)
        for i, panel in enumerate(old):
            if i not in found and name(panel) in where:
                found[i] = where.pop(name(panel))
    return dict(sorted(found.items()))


def _id_key(panel: JsonMapping) -> Any:
    return (panel.get("id"), panel.get("type") == "row")


def _title_key(panel: JsonMapping) -> Any:
    return (panel.get("title"), panel.get("type") == "row")


def _describe_panel(panel: JsonMapping) -> str:
    kind = "row" if panel.get("type") == "row" else "panel"
    return f"{kind} {panel.get('title') or panel.get('type')}"


def _compare_lists(what: str, before: JsonMapping, after: JsonMapping) -> Iterator[str]:
    yield from (f"- {what} {name}" for name in before if name not in after)
    yield from (f"+ {what} {name}" for name in after if name not in before)
    for name, one in before.items():
        if name in after:
            # The current selection and the options at that time are not part of the definition.
            yield from _compare_values(f"{what} {name}", _without_selection(one), _without_selection(after[name]))


def _without_selection(variable: JsonMapping) -> JsonObject:
    if variable.get("type") not in ("query", "datasource"):
        return dict(variable)
    kept = {key: one for key, one in variable.items() if key not in ("current", "options", "definition")}
    # Grafana's editor saves the text of a query together with the form in which it was entered.
    query = kept.get("query")
    return kept | ({"query": query["query"]} if isinstance(query, dict) and "query" in query else {})


def _compare_values(what: str, before: JsonMapping, after: JsonMapping) -> Iterator[str]:
    """Yield one line for each leaf that differs; queries are matched by ref."""
    head = f"{what}: " if what else ""
    old, new = dict(_walk_leaves(before)), dict(_walk_leaves(after))
    place = []
    for path in dict.fromkeys((*old, *new)):
        one, other = old.get(path, MISSING), new.get(path, MISSING)
        if grafana_defaults.is_same_value(what.partition(" ")[0], path, one, other):
            continue
        if path[:1] == ("gridPos",):
            place.append(path)
        else:
            yield f"{head}{_describe_path(path)} {_format_value(one)} → {_format_value(other)}"
    if place:
        yield f"{head}place {_format_position(before)} → {_format_position(after)}"


def _walk_leaves(panel: JsonMapping) -> Iterator[tuple[LeafPath, Any]]:
    for key, one in panel.items():
        if key in _MANAGED or one is None:
            continue
        if key == "targets":
            for target in one:
                for path, value in iterate_leaves({k: v for k, v in target.items() if k != "refId" and v is not None}):
                    yield ("targets", str(target.get("refId")), *path), value
        elif isinstance(one, dict):
            yield from (
                ((key, *path), value) for path, value in iterate_leaves(one) if value is not None and value != {}
            )
        else:
            yield (key,), one


def _describe_path(path: LeafPath) -> str:
    if path in _NAMES:
        return _NAMES[path]
    if path[0] == "targets" and len(path) > 2:
        return " ".join(("query", path[1], *(() if path[2:] in (("expr",), ("rawSql",)) else path[2:])))
    return ".".join(path[2:] if path[:2] == ("fieldConfig", "defaults") else path)


def _format_value(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    if isinstance(value, list):
        return f"{len(value)} of them" if value and isinstance(value[0], dict) else str(value)
    text = " ".join(str(value).split()) if not isinstance(value, bool) else str(value).lower()
    return (text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…") or '""'


def _format_position(panel: JsonMapping) -> str:
    grid = panel.get("gridPos") or {}
    return f"{grid.get('w')}x{grid.get('h')} at {grid.get('x')},{grid.get('y')}"
