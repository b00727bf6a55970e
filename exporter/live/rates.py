"""Rates of counters from two readings; without a second one there is none, never a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deckwatch.exporter.live.measures import Key
    from deckwatch.exporter.live.reading import Reading, Series

MIN_SECONDS = 3.0  # a shorter interval makes the clock's granularity visible
MAX_SECONDS = 120.0  # a rate over a longer one is not of now

_Counter = tuple[float, float]  # time and value


class Rates:
    """The newest reading, and the earlier ones that rates are relative to."""

    def __init__(self) -> None:
        self.newest: Reading | None = None
        self._earlier: list[Reading] = []  # at most two, at least MIN_SECONDS apart

    def add_reading(self, reading: Reading) -> None:
        """Make this the newest reading."""
        before = self.newest
        self.newest = reading
        if before is not None and (not self._earlier or before.at - self._earlier[-1].at >= MIN_SECONDS):
            self._earlier = [*self._earlier[-1:], before]

    def rate(self, key: Key) -> float | None:
        """Return the rate per second of a measure, summed over its series; None while it is being measured."""
        now = self.newest.counters.get(key) if self.newest else None
        if not now:
            return None
        rates = [
            rate for series, counter in now.items() if (rate := self._series_rate(key, series, counter)) is not None
        ]
        return sum(rates) if rates else None

    def busy(self) -> float | None:
        """Return the share of the time of all processors in which they were busy; None while it is being measured."""
        if self.newest is None:
            return None
        rates = []
        for cpu, counter in self.newest.idle.items():
            for earlier in reversed(self._earlier):
                if (rate := _rate_between(earlier.idle.get(cpu), counter)) is not None:
                    rates.append(rate)
                    break
        return min(max(1 - sum(rates) / len(rates), 0.0), 1.0) if rates else None

    def _series_rate(self, key: Key, series: Series, counter: _Counter) -> float | None:
        for earlier in reversed(self._earlier):
            if (rate := _rate_between(earlier.counters.get(key, {}).get(series), counter)) is not None:
                return rate
        return None


def _rate_between(before: _Counter | None, now: _Counter) -> float | None:
    """Return the rate between two values of a counter; None if they are too close, too far apart, or it was reset."""
    if before is None:
        return None
    seconds = now[0] - before[0]
    if not MIN_SECONDS <= seconds <= MAX_SECONDS or now[1] < before[1]:
        return None
    return (now[1] - before[1]) / seconds
