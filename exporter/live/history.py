"""The last hour of the measures that the page draws: a ring of fixed size, in memory only.

A series of 240 single-precision floats takes 1.3 KB with its key; with MAX_SERIES of them the ring stays below 8 MB.
"""

from __future__ import annotations

import itertools
import math
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.live.measures import Key

SLOT_SECONDS = 15.0
SLOTS = 240
MAX_SERIES = 5000

_EMPTY = array("f", [math.nan]) * SLOTS


class _Ring:
    """The values of one series; slots older than an hour belong to the hour before and count as empty."""

    __slots__ = ("last", "values")

    def __init__(self, slot: int) -> None:
        self.values = array("f", _EMPTY)
        self.last = slot

    def put(self, slot: int, value: float) -> None:
        for skipped in range(self.last + 1, min(slot, self.last + SLOTS + 1)):
            self.values[skipped % SLOTS] = math.nan
        self.values[slot % SLOTS] = value
        self.last = slot


class History:
    """A ring for each series. Times are of World.age_clock."""

    def __init__(self) -> None:
        self._rings: dict[Key, _Ring] = {}
        self._checked = 0  # the slot in which the series that have ended were last removed
        self.is_full = False  # whether series are missing because there are too many

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self._rings)

    def record(self, at: float, values: Mapping[Key, float | None]) -> None:
        """Store the values of a moment; one that is None is left empty."""
        slot = int(at // SLOT_SECONDS)
        if slot - self._checked >= SLOTS // 4:
            self._checked = slot
            self._rings = {key: ring for key, ring in self._rings.items() if slot - ring.last < SLOTS}
        self.is_full = False
        for key, value in values.items():
            ring = self._rings.get(key)
            if value is None:
                continue
            if ring is None:
                if len(self._rings) >= MAX_SERIES:
                    self.is_full = True
                    continue
                ring = self._rings[key] = _Ring(slot)
            ring.put(slot, value)

    def points(self, key: Key, now: float) -> list[float | None]:
        """Return the values of the last hour, the oldest first; None where there is none. Empty if never recorded."""
        ring = self._rings.get(key)
        if ring is None:
            return []
        newest = int(now // SLOT_SECONDS)
        return [self._read_slot(ring, slot) for slot in range(newest - SLOTS + 1, newest + 1)]

    def mean(self, key: Key, now: float, seconds: float) -> float | None:
        """Return the mean of the last `seconds`; None if there is no value."""
        values = self._list_recent(key, now, seconds)
        return math.fsum(values) / len(values) if values else None

    def increase(self, key: Key, now: float, seconds: float) -> float | None:
        """Return by how much a total grew within the last `seconds`; None if there is no value."""
        values = self._list_recent(key, now, seconds)
        if not values:
            return None
        return sum(max(after - before, 0.0) for before, after in itertools.pairwise(values))

    def _list_recent(self, key: Key, now: float, seconds: float) -> list[float]:
        ring = self._rings.get(key)
        if ring is None:
            return []
        newest, count = int(now // SLOT_SECONDS), min(int(seconds // SLOT_SECONDS), SLOTS)
        slots = range(newest - count + 1, newest + 1)
        return [value for slot in slots if (value := self._read_slot(ring, slot)) is not None]

    @staticmethod
    def _read_slot(ring: _Ring, slot: int) -> float | None:
        if slot > ring.last or slot <= ring.last - SLOTS:
            return None
        value = ring.values[slot % SLOTS]
        return None if math.isnan(value) else value
