"""Types of JSON and YAML values, and conversions for values of unknown structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonValue: TypeAlias = "Mapping[str, JsonValue] | Sequence[JsonValue] | str | int | float | bool | None"
JsonMapping: TypeAlias = Mapping[str, JsonValue]
JsonObject: TypeAlias = dict[str, JsonValue]


def as_object(value: object) -> JsonObject:
    """Return the value itself if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[JsonValue]:
    """Return the value itself if it is a list, otherwise an empty one."""
    return value if isinstance(value, list) else []


def as_objects(value: object) -> list[JsonObject]:
    """Return the objects of a list; anything else in it is ignored."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: object, default: str = "") -> str:
    """Return the value itself if it is text, otherwise the default."""
    return value if isinstance(value, str) else default
