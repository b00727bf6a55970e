"""Types of JSON and YAML values, and conversions for values of unknown structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

# Parsed values. What a container holds is unknown until it is checked.
JsonObject: TypeAlias = dict[str, Any]
JsonMapping: TypeAlias = Mapping[str, Any]  # read only
Json: TypeAlias = JsonObject | list[Any] | str | int | float | bool | None

# The same with contents that the type checker knows: each use narrows them by `isinstance` or a function below.
JsonValue: TypeAlias = "Mapping[str, JsonValue] | Sequence[JsonValue] | str | int | float | bool | None"
StrictMapping: TypeAlias = Mapping[str, JsonValue]
StrictObject: TypeAlias = dict[str, JsonValue]


def as_object(value: object) -> StrictObject:
    """Return the value itself if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[JsonValue]:
    """Return the value itself if it is a list, otherwise an empty one."""
    return value if isinstance(value, list) else []


def as_objects(value: object) -> list[StrictObject]:
    """Return the objects of a list; anything else in it is ignored."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: object, default: str = "") -> str:
    """Return the value itself if it is text, otherwise the default."""
    return value if isinstance(value, str) else default


def walk_leaves(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], JsonValue]]:
    """Yield every value that is neither a mapping nor a list, with its path."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from walk_leaves(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from walk_leaves(value, (*path, index))
    else:
        yield path, cast("JsonValue", data)
