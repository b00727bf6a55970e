"""A cache of responses for a short time, in which requests for the same one wait for each other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

T = TypeVar("T")

_MAX_ENTRIES = 500


class ShortCache(Generic[T]):
    """Keeps results for `seconds` from the moment at which they were begun. It belongs to one event loop.

    There are at most `most` entries. A result that fails `should_keep` is only for those who waited for it.
    """

    def __init__(
        self, seconds: float, *, most: int = _MAX_ENTRIES, should_keep: Callable[[T], bool] = lambda _: True
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._should_keep = should_keep
        self._entries: dict[Hashable, tuple[asyncio.Future[T], float]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Return the result for a key, from `make` if there is none that is recent or under way."""
        now = asyncio.get_running_loop().time()
        result, expires = self._entries.get(key, (None, 0.0))
        if result is None or not self._is_usable(result, expires, now):
            self._drop_old(now)
            result = asyncio.ensure_future(make())
            self._entries[key] = (result, now + self._seconds)
        return await asyncio.shield(result)

    def _drop_old(self, now: float) -> None:
        """Drop expired entries; the oldest too where clients ask for very many different ones at once."""
        old = [key for key, (result, expires) in self._entries.items() if not self._is_usable(result, expires, now)]
        for key in old:
            del self._entries[key]
        while len(self._entries) >= self._most:
            del self._entries[next(iter(self._entries))]

    def _is_usable(self, result: asyncio.Future[T], expires: float, now: float) -> bool:
        """Return whether a result is under way or recent, and to be kept."""
        if not result.done():
            return True
        return expires > now and (result.exception() is not None or self._should_keep(result.result()))
