"""Whether a panel that was generated again is the one that was imported, and what is left to be said under `raw:`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from deckwatch.dashboards.importing import patch, words
from deckwatch.dashboards.importing.probe import STEPS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence


def texts(panel: Mapping[str, Any]) -> list[str]:
    """Return what a panel asks, query by query; braces without conditions behind a metric say nothing."""
    found = []
    for target in panel.get("targets") or []:
        text = next((str(target[key]) for key in ("expr", "rawSql", "query") if target.get(key)), "")
        found.append(text.strip().removesuffix("{}"))
    return [text for text in found if text]


def same_queries(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two panels ask the same."""
    return texts(one) == texts(other)


def is_kept(wanted: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Return whether a panel has kept title, type and queries."""
    same = (wanted.get("title") or "") == made.get("title", "") and wanted.get("type") == made.get("type")
    return same and same_queries(wanted, made)


def moved(wanted: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Return whether a panel stands in other columns, or is of another size."""
    grid = wanted.get("gridPos") or {}
    return any(grid.get(key) != made["gridPos"][key] for key in ("x", "w", "h"))


def overrides_in_order(wanted: dict[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is wanted with its overrides in the order of ours, where they are the same ones."""
    mine = (made.get("fieldConfig") or {}).get("overrides") or []
    theirs = (wanted.get("fieldConfig") or {}).get("overrides") or []
    key = lambda one: orjson.dumps(  # noqa: E731
        {**one, "properties": sorted(one.get("properties", []), key=lambda each: str(each.get("id")))},
        option=orjson.OPT_SORT_KEYS,
    )
    if theirs and len(mine) == len(theirs) and sorted(map(key, mine)) == sorted(map(key, theirs)):
        return {**wanted, "fieldConfig": {**wanted["fieldConfig"], "overrides": mine}}
    return wanted


def without_defaults(raw: dict[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """Return a patch without what says only what Grafana takes anyway."""
    for path, value in list(patch.leaves(raw)):
        if path[: len(STEPS) - 1] == STEPS[:-1] and value is None:
            raw = patch.without(raw, path)  # nothing is drawn by them
        mapped = patch.at(made, words.MAPPINGS)
        if path == words.MAPPINGS and not value and isinstance(mapped, list) and _only_special(mapped):
            raw = patch.without(raw, path)  # what is written where there is no value
        if path not in words.DEFAULTS:
            continue
        default = words.DEFAULTS[path]
        have = patch.at(made, path)
        if (value is None and patch.same(have, default)) or (have is patch.NOTHING and patch.same(value, default)):
            raw = patch.without(raw, path)
    return raw


def _only_special(mappings: Sequence[Mapping[str, Any]]) -> bool:
    return all(one["type"] == "special" for one in mappings)


def with_our_colors(wanted: dict[str, Any], made: Mapping[str, Any], lost: Counter[str]) -> dict[str, Any]:
    """Return what is wanted with the colours that our words give its thresholds, where these have the same values."""
    theirs, mine = patch.at(wanted, STEPS), patch.at(made, STEPS)
    if not isinstance(theirs, list) or not isinstance(mine, list) or patch.same(theirs, mine):
        return wanted
    if [one.get("value") for one in theirs] != [one.get("value") for one in mine]:
        return wanted
    lost["thresholds in green, orange and red, now in colours that everybody can tell apart"] += 1
    fields = wanted["fieldConfig"]["defaults"]
    limits = {**fields["thresholds"], "steps": mine}
    return {**wanted, "fieldConfig": {**wanted["fieldConfig"], "defaults": {**fields, "thresholds": limits}}}
