"""Panels of types that Grafana has removed, in a model that otherwise stays as it is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_objects
from deckwatch.dashboards.importing import typed_json, upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.core.json_types import JsonObject

_OLD_SIZES = ("span", "height")  # of panels in rows of Grafana 4


def upgrade_removed_types(model: JsonObject, name: str) -> tuple[JsonObject, Mapping[str, int]]:
    """Return the model with the successors of removed panel types, and counts of what these lack."""
    if not any(upgrade.is_removed_type(panel) for panel in _iterate_panels(model)):
        return model, {}
    lost: Counter[str] = Counter()
    upgraded = _upgrade_panels(typed_json.clean_dashboard(model, name, lost), lost)
    return upgraded, {change: count for change, count in sorted(lost.items()) if count}


def _iterate_panels(model: JsonObject) -> list[JsonObject]:
    panels: list[JsonObject] = []
    for key in ("panels", "rows"):
        for entry in as_objects(model.get(key)):
            panels += [entry, *_iterate_panels(entry)]
    return panels


def _upgrade_panels(model: JsonObject, lost: Counter[str]) -> JsonObject:
    """Return a model, panel or row with upgraded panels at all levels."""
    result = dict(model)
    if upgrade.is_removed_type(model):
        size = {key: model[key] for key in _OLD_SIZES if key in model}
        result = size | upgrade.upgrade_type(model, lost)
    for key in ("panels", "rows"):
        if isinstance(model.get(key), list):
            result[key] = [_upgrade_panels(entry, lost) for entry in as_objects(model[key])]
    return result
