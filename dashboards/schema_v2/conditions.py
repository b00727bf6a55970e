"""The conditions of `conditionalRendering` in v2, under which a row, tab or panel is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects, as_text
from deckwatch.dashboards.schema_v2.values import read_string

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping


def is_data_condition(condition: JsonMapping) -> bool:
    """Return whether a condition shows something only if there is data."""
    spec = as_object(condition.get("spec"))
    items = as_objects(spec.get("items"))
    if spec.get("visibility") != "show" or len(items) != 1:
        return False
    return items[0].get("kind") == "ConditionalRenderingData" and as_object(items[0].get("spec")).get("value") is True


def describe_condition(condition: JsonMapping) -> str:
    """Return a condition of `conditionalRendering` in words."""
    spec = as_object(condition.get("spec"))
    word = "hidden" if spec.get("visibility") == "hide" else "shown"
    joint = f" {read_string(spec.get('condition')) or 'and'} "
    return f"{word} if {joint.join(_describe_item(item) for item in as_objects(spec.get('items'))) or 'nothing'}"


def _describe_item(item: JsonMapping) -> str:
    kind, spec = as_text(item.get("kind")), as_object(item.get("spec"))
    value = read_string(spec.get("value"))
    if kind == "ConditionalRenderingVariable":
        return f"${read_string(spec.get('variable'))} {read_string(spec.get('operator'))} {value!r}"
    if kind == "ConditionalRenderingData":
        return "there is data" if spec.get("value") else "there is no data"
    if kind == "ConditionalRenderingTimeRangeSize":
        return f"the time range is at most {value}"
    return f"{kind or 'an unknown condition'} holds"
