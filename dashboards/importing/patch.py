"""What has to be merged into one JSON value to make it another: the inverse of a merge patch (RFC 7386)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Leaf = tuple[str, ...]
NOTHING: Any = object()


def between(made: Any, wanted: Any) -> dict[str, Any]:
    """Return the patch that makes `made` of mappings `wanted`; a key that has to go stands there as None.

    A key of `wanted` whose value is None counts as not there: a patch cannot say it. Lists are replaced whole.
    """
    patch: dict[str, Any] = {}
    for key in [*wanted, *(key for key in made if key not in wanted)]:
        new, old = wanted.get(key), made.get(key)
        if new is None:
            if old is not None:
                patch[key] = None
        elif isinstance(new, dict) and isinstance(old, dict):
            if inner := between(old, new):
                patch[key] = inner
        elif not same(old, new):
            patch[key] = _plain(new)
    return patch


def same(one: Any, other: Any) -> bool:
    """Return whether two values are one in JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _plain(value: Any) -> Any:
    """Return a value that is put where nothing was, without what means nothing there."""
    return {key: _plain(one) for key, one in value.items() if one is not None} if isinstance(value, dict) else value


def leaves(value: Mapping[str, Any], path: Leaf = ()) -> Iterator[tuple[Leaf, Any]]:
    """Yield every value that is no mapping, with the keys that lead to it."""
    for key, one in value.items():
        if isinstance(one, dict) and one:
            yield from leaves(one, (*path, key))
        else:
            yield (*path, key), one


def at(value: Any, path: Leaf) -> Any:
    """Return what stands at a path, NOTHING where nothing does."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return NOTHING
        value = value[key]
    return value


def without(value: Mapping[str, Any], path: Leaf) -> dict[str, Any]:
    """Return a mapping of mappings without one of its leaves, and without the mappings that are empty then."""
    head, *rest = path
    if head not in value:
        return dict(value)
    if rest:
        inner = without(value[head], tuple(rest)) if isinstance(value[head], dict) else value[head]
        if inner != {}:
            return {**value, head: inner}
    return {key: one for key, one in value.items() if key != head}
