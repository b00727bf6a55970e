"""What a process that generates again and again remembers of the last time; any other remembers nothing.

Answers are kept by the very object that they are made of, and belong to one state of all that is not this object:
whoever turns it on calls `forget` when anything else changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

_MOST = 100_000

_kept: dict[Hashable, tuple[Any, Any]] | None = None


def turn_on() -> None:
    """Remember from now on."""
    global _kept  # noqa: PLW0603 - one for the process
    _kept = {}


def clear() -> None:
    """Forget everything, where something is remembered at all."""
    if _kept is not None:
        _kept.clear()


def get_or_build(kind: str, thing: Any, make: Callable[[], T], sound: Callable[[T], bool] = lambda _: True) -> T:
    """Return what `make` returns for a thing, or has returned for it; what is not `sound` is made each time."""
    if _kept is None:
        return make()
    found = _kept.get((kind, id(thing)))
    if found is not None and found[0] is thing:
        value: T = found[1]
        return value
    value = make()
    if len(_kept) > _MOST:
        _kept.clear()  # what was remembered of files that have changed since
    if sound(value):
        _kept[kind, id(thing)] = (thing, value)  # with the thing itself, so that its id stays its own
    return value


def set_value(kind: str, thing: Any, value: Any) -> None:
    """Remember something of a thing."""
    if _kept is not None:
        _kept[kind, id(thing)] = (thing, value)


def get_or_build_by_text(kind: str, name: str, text: str, make: Callable[[], T]) -> T:
    """Return what `make` returns for a text under a name, or returned for the same text before."""
    if _kept is None:
        return make()
    found = _kept.get((kind, name))
    if found is None or found[0] != text:
        found = _kept[kind, name] = (text, make())
    value: T = found[1]
    return value
