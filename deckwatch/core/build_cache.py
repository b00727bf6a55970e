"""What a process that generates again and again remembers of the last time; any other remembers nothing.

Answers are kept by the very object that they are made of, and belong to one state of all that is not this object:
whoever turns it on calls `forget` when anything else changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

_MAX_ENTRIES = 100_000

_entries: dict[Hashable, tuple[Any, Any]] | None = None


def turn_on() -> None:
    """Remember from now on."""
    global _entries  # noqa: PLW0603 - one for the process
    _entries = {}


def clear() -> None:
    """Forget everything, where something is remembered at all."""
    if _entries is not None:
        _entries.clear()


def get_or_build(
    kind: str, source: Any, build: Callable[[], T], should_keep: Callable[[T], bool] = lambda _: True
) -> T:
    """Return what `make` returns for a thing, or has returned for it; what is not `sound` is made each time."""
    if _entries is None:
        return build()
    entry = _entries.get((kind, id(source)))
    if entry is not None and entry[0] is source:
        value: T = entry[1]
        return value
    value = build()
    if len(_entries) > _MAX_ENTRIES:
        _entries.clear()  # what was remembered of files that have changed since
    if should_keep(value):
        _entries[kind, id(source)] = (source, value)  # with the thing itself, so that its id stays its own
    return value


def set_value(kind: str, source: Any, value: Any) -> None:
    """Remember something of a thing."""
    if _entries is not None:
        _entries[kind, id(source)] = (source, value)


def get_or_build_by_text(kind: str, name: str, text: str, build: Callable[[], T]) -> T:
    """Return what `make` returns for a text under a name, or returned for the same text before."""
    if _entries is None:
        return build()
    entry = _entries.get((kind, name))
    if entry is None or entry[0] != text:
        entry = _entries[kind, name] = (text, build())
    value: T = entry[1]
    return value
