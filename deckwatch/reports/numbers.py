"""Statistics of values with gaps, and comparisons of two periods."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deckwatch.reports.model import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.reports.model import Tone

Direction = Literal["up", "down", "none"]  # which way is bad

MINUS = "\N{MINUS SIGN}"

_MOODS: dict[str, Tone] = {"better": "good", "worse": "bad"}


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean of the known values, None without any."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def deviation_of(values: Sequence[float | None]) -> float | None:
    """Return the standard deviation of the known values, None with fewer than two."""
    known = [value for value in values if value is not None]
    return statistics.pstdev(known) if len(known) > 1 else None


def find_peak(values: Sequence[float | None], times: Sequence[float]) -> tuple[float, float] | None:
    """Return the highest value and its first time, None without values."""
    known = [(value, at) for value, at in zip(values, times, strict=True) if value is not None]
    return max(known, key=lambda pair: (pair[0], -pair[1]), default=None)


def find_low(values: Sequence[float | None], times: Sequence[float]) -> tuple[float, float] | None:
    """Return the lowest value and its first time, None without values."""
    known = [(value, at) for value, at in zip(values, times, strict=True) if value is not None]
    return min(known, default=None)


@dataclass(frozen=True, slots=True)
class Change:
    """A value of this period beside that of the previous one.

    `bad` is the direction that is worse. Changes below `least` (absolute) or `least_share` (of the value before) are
    none: they are noise.
    """

    now: float | None
    before: float | None
    bad: Direction = "none"
    least: float = 0.0
    least_share: float = 0.05

    @property
    def share(self) -> float | None:
        """The change as a share of the value before; None where that is 0 or one of the two is not known."""
        if self.now is None or not self.before:
            return None
        return (self.now - self.before) / abs(self.before)

    @property
    def verdict(self) -> Literal["better", "worse", "changed", "same", "unknown"]:
        """Whether the change is good."""
        if self.now is None or self.before is None:
            return "unknown"
        difference = self.now - self.before
        if abs(difference) <= self.least or abs(difference) <= self.least_share * abs(self.before):
            return "same"
        if self.bad == "none":
            return "changed"
        return "worse" if (difference > 0) is (self.bad == "up") else "better"

    def list_cells(self, unit: str, decimals: int | None = None) -> list[Value]:
        """Return the cells of a table: value, value before, change, verdict."""
        words = {"same": "about the same", "unknown": "", "changed": "changed"}
        tone = _MOODS.get(self.verdict, "none")
        return [
            Value(self.now, unit, decimals=decimals),
            Value(self.before, unit, decimals=decimals),
            Value(text=self.format_share()),
            Value(text=words.get(self.verdict, self.verdict), tone=tone),
        ]

    def format_share(self) -> str:
        """Return the change with its sign, such as +12 %; '' where it is not known."""
        share = self.share
        if share is None:
            return "from 0" if self.now and self.before == 0 else ""
        if share >= 10:
            return f"\N{MULTIPLICATION SIGN}{share + 1:.0f}"
        percent = 100 * share
        if abs(percent) < 0.05:
            return "±0 %"
        return f"{percent:+.{1 if abs(percent) < 10 else 0}f} %".replace("-", MINUS)
