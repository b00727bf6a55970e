"""The JSON Merge Patch (RFC 7386) that turns one JSON object into another."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject

LeafPath: TypeAlias = tuple[str, ...]


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING  # the value at a path that does not exist


def make_patch(generated: JsonMapping, wanted: JsonMapping) -> JsonObject:
    """Return the patch that turns `generated` into `wanted`; a key to remove is None.

    A key of `wanted` with the value None counts as absent: a patch cannot express it. Lists are replaced as a whole.
    """
    patch: JsonObject = {}
    for key in [*wanted, *(key for key in generated if key not in wanted)]:
        new, old = wanted.get(key), generated.get(key)
        if new is None:
            if old is not None:
                patch[key] = None
        elif isinstance(new, dict) and isinstance(old, dict):
            if inner := make_patch(old, new):
                patch[key] = inner
        elif not is_same_json(old, new):
            patch[key] = _drop_nulls(new)
    return patch


def is_same_json(left: object, right: object) -> bool:
    """Return whether two values are equal in JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same_json, left, right))
    return bool(left == right)


def _drop_nulls(value: Json) -> Json:
    """Return a value without null entries, which would remove nothing where the patch adds it."""
    if isinstance(value, dict):
        return {key: _drop_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


def iterate_leaves(value: JsonMapping, path: LeafPath = ()) -> Iterator[tuple[LeafPath, Json]]:
    """Yield the path and value of everything that is not a non-empty object."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from iterate_leaves(inner, (*path, key))
        else:
            yield (*path, key), inner


def value_at(value: object, path: LeafPath) -> Any:
    """Return the value at a path, MISSING if there is none."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value


def remove_leaf(value: JsonMapping, path: LeafPath) -> JsonObject:
    """Return an object without one leaf and without the objects that this leaves empty."""
    head, *rest = path
    if head not in value:
        return dict(value)
    if rest:
        inner = remove_leaf(value[head], tuple(rest)) if isinstance(value[head], dict) else value[head]
        if inner != {}:
            return {**value, head: inner}
    return {key: inner for key, inner in value.items() if key != head}
