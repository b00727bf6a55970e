"""A cache of responses for a moment, in which requests for the same one wait for each other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

T = TypeVar("T")

_MAX_ENTRIES = 500


class ShortCache(Generic[T]):
    """Keeps results for `seconds` from the moment at which they were begun. It belongs to one event loop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[Hashable, tuple[asyncio.Future[T], float]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Return the result for a key, from `make` if there is none that is recent or under way."""
        now = asyncio.get_running_loop().time()
        result, expires = self._entries.get(key, (None, 0.0))
        if result is None or (result.done() and expires <= now):
            self._drop_old(now)
            result = asyncio.ensure_future(make())
            self._entries[key] = (result, now + self._seconds)
        return await asyncio.shield(result)

    def _drop_old(self, now: float) -> None:
        """Drop expired entries; the oldest too where clients ask for very many different ones at once."""
        old = [key for key, (result, expires) in self._entries.items() if result.done() and expires <= now]
        for key in old:
            del self._entries[key]
        while len(self._entries) >= _MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]
