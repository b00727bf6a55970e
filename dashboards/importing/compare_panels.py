"""Whether a generated panel equals the imported one, and the differences that `raw:` has to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from deckwatch.dashboards.importing import match_options
from deckwatch.dashboards.importing.learn_effects import STEPS
from deckwatch.dashboards.importing.patch import MISSING, is_same_json, iterate_leaves, remove_leaf, value_at

if TYPE_CHECKING:
    from collections import Counter

    from deckwatch.core.json_types import JsonMapping, JsonObject


def query_texts(panel: JsonMapping) -> list[str]:
    """Return the text of each query of a panel; empty braces after a metric make no difference."""
    texts = []
    for target in panel.get("targets") or []:
        text = next((str(target[key]) for key in ("expr", "rawSql", "query") if target.get(key)), "")
        texts.append(text.strip().removesuffix("{}"))
    return [text for text in texts if text]


def has_same_queries(panel: JsonMapping, other: JsonMapping) -> bool:
    """Return whether two panels have the same queries in the same order."""
    return query_texts(panel) == query_texts(other)


def is_kept(wanted: JsonMapping, generated: JsonMapping) -> bool:
    """Return whether a panel kept its title, type and queries."""
    same_title = (wanted.get("title") or "") == generated.get("title", "")
    return same_title and wanted.get("type") == generated.get("type") and has_same_queries(wanted, generated)


def is_moved(wanted: JsonMapping, generated: JsonMapping) -> bool:
    """Return whether a panel has other columns or another size."""
    grid = wanted.get("gridPos") or {}
    return any(grid.get(key) != generated["gridPos"][key] for key in ("x", "w", "h"))


def reorder_overrides(wanted: JsonObject, generated: JsonMapping) -> JsonObject:
    """Return the wanted panel with its overrides in the generated order, if both have the same ones."""
    ours = (generated.get("fieldConfig") or {}).get("overrides") or []
    theirs = (wanted.get("fieldConfig") or {}).get("overrides") or []
    if theirs and len(ours) == len(theirs) and sorted(map(_override_key, ours)) == sorted(map(_override_key, theirs)):
        return {**wanted, "fieldConfig": {**wanted["fieldConfig"], "overrides": ours}}
    return wanted


def _override_key(override: JsonMapping) -> bytes:
    properties = sorted(override.get("properties", []), key=lambda entry: str(entry.get("id")))
    return orjson.dumps({**override, "properties": properties}, option=orjson.OPT_SORT_KEYS)


def drop_defaults(raw: JsonObject, generated: JsonMapping) -> JsonObject:
    """Return a patch without the entries that only state Grafana's defaults."""
    for path, value in list(iterate_leaves(raw)):
        if path[: len(STEPS) - 1] == STEPS[:-1] and value is None:
            raw = remove_leaf(raw, path)  # they draw nothing
        mappings = value_at(generated, match_options.MAPPINGS)
        if path == match_options.MAPPINGS and not value and match_options.is_no_data_text(mappings):
            raw = remove_leaf(raw, path)  # the text for missing values
        if path not in match_options.DEFAULTS:
            continue
        default = match_options.DEFAULTS[path]
        current = value_at(generated, path)
        removes_default = value is None and is_same_json(current, default)
        if removes_default or (current is MISSING and is_same_json(value, default)):
            raw = remove_leaf(raw, path)
    return raw


def use_our_colors(wanted: JsonObject, generated: JsonMapping, lost: Counter[str]) -> JsonObject:
    """Return the wanted panel with the generated colours of its thresholds, if these have the same values."""
    theirs, ours = value_at(wanted, STEPS), value_at(generated, STEPS)
    if not isinstance(theirs, list) or not isinstance(ours, list) or is_same_json(theirs, ours):
        return wanted
    if [step.get("value") for step in theirs] != [step.get("value") for step in ours]:
        return wanted
    lost["green, orange and red of thresholds, now in colours that colour-blind people can distinguish"] += 1
    defaults = wanted["fieldConfig"]["defaults"]
    thresholds = {**defaults["thresholds"], "steps": ours}
    return {**wanted, "fieldConfig": {**wanted["fieldConfig"], "defaults": {**defaults, "thresholds": thresholds}}}
