"""Process-wide cache for `--watch`; a no-op unless turned on.

Keyed by (kind, id(source)). Whoever turns it on calls `clear()` when any other input changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

_MAX_ENTRIES = 100_000

_entries: dict[Hashable, tuple[Any, Any]] | None = None


def turn_on() -> None:
    """Start caching."""
    global _entries  # noqa: PLW0603 - one per process
    _entries = {}


def clear() -> None:
    """Drop all entries, if caching is on."""
    if _entries is not None:
        _entries.clear()


def get_or_build(
    kind: str, source: Any, build: Callable[[], T], should_keep: Callable[[T], bool] = lambda _: True
) -> T:
    """Return the cached value for `source`, or build it; a value that fails `should_keep` is not cached."""
    if _entries is None:
        return build()
    entry = _entries.get((kind, id(source)))
    if entry is not None and entry[0] is source:
        value: T = entry[1]
        return value
    value = build()
    if len(_entries) > _MAX_ENTRIES:
        _entries.clear()  # mostly entries of files that have changed since
    if should_keep(value):
        _entries[kind, id(source)] = (source, value)  # holding the source keeps its id unique
    return value


def set_value(kind: str, source: Any, value: Any) -> None:
    """Cache a value for `source`."""
    if _entries is not None:
        _entries[kind, id(source)] = (source, value)


def get_or_build_by_text(kind: str, name: str, text: str, build: Callable[[], T]) -> T:
    """Return the cached value for a name while its text is unchanged, or build it."""
    if _entries is None:
        return build()
    entry = _entries.get((kind, name))
    if entry is None or entry[0] != text:
        entry = _entries[kind, name] = (text, build())
    value: T = entry[1]
    return value
