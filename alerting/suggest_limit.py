"""Thresholds from history: how often a limit would have fired, and where it would have been silent.

A limit is compared with what a series held for all of the alert's `for`: one point beyond it fires nothing. So of each
series the sustained level counts, the least of the points in each span of that length (the greatest, for `below`).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.alerting.model import Alert

MARGIN = 0.1  # so far from the worst that was sustained is a limit that would have been silent
KEYWORDS = {">": "above", "<": "below"}
_DIGITS = 2  # of a limit that people read

Point = tuple[float, float]  # seconds, value


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What history says of an alert's limit.

    `usual` is the median of all points, `worst` the farthest level that lasted `for`. `fired` is how often the alert
    would have fired, `beyond` for how many seconds. `limit` is one with which it would not have.
    """

    alert: Alert
    series: int
    usual: float
    worst: float
    fired: int
    beyond: float
    limit: float

    @property
    def setting_name(self) -> str:
        """The name by which `build: set:` of a project sets the limit."""
        return f"{self.alert.name}.{KEYWORDS[self.alert.limit.operator]}" if self.alert.limit is not None else ""

    @property
    def is_noisy(self) -> bool:
        """Whether the alert would have fired."""
        return self.fired > 0


def suggest_limit(alert: Alert, history: Sequence[Sequence[Point]], step: float) -> Suggestion | None:
    """Return a limit for an alert, from the history of its series, points `step` seconds apart; None without data.

    An alert whose condition has no limit of its own, or that waits for one certain value, has no suggestion.
    """
    limit = alert.limit
    if limit is None or limit.operator not in KEYWORDS:
        return None
    sign = 1.0 if limit.operator == ">" else -1.0
    span = math.floor(alert.hold / step) + 1
    runs = [run for series in history for run in _split_at_gaps(series, step)]
    values = sorted(value for run in runs for _, value in run)
    levels = [[sign * level for level in _sliding_minimum([sign * value for _, value in run], span)] for run in runs]
    flat = [level for run in levels for level in run]
    if not flat:
        return None
    fired = beyond = 0
    for run in levels:
        firing = [sign * level > sign * limit.value for level in run]
        fired += sum(now and not before for before, now in zip([False, *firing], firing, strict=False))
        beyond += sum(firing)
    worst = max(flat, key=lambda level: sign * level)
    return Suggestion(
        alert,
        len(history),
        values[len(values) // 2],
        worst,
        fired,
        beyond * step,
        _silent_limit(worst, sign, alert.unit),
    )


def _split_at_gaps(series: Iterable[Point], step: float) -> Iterator[list[Point]]:
    """Yield the parts of a series without gaps; what is no number is a gap."""
    run: list[Point] = []
    for at, value in series:
        if run and (at - run[-1][0] > 1.5 * step or not math.isfinite(value)):
            yield run
            run = []
        if math.isfinite(value):
            run.append((at, value))
    if run:
        yield run


def _sliding_minimum(values: Sequence[float], span: int) -> Iterator[float]:
    """Yield the least of each `span` values in a row."""
    waiting: deque[int] = deque()
    for i, value in enumerate(values):
        while waiting and values[waiting[-1]] >= value:
            waiting.pop()
        waiting.append(i)
        if waiting[0] <= i - span:
            waiting.popleft()
        if i >= span - 1:
            yield values[waiting[0]]


def _silent_limit(worst: float, sign: float, unit: str) -> float:
    """Return a limit of few digits that is a little beyond the worst; a share stays below 1."""
    room = abs(worst) * MARGIN
    if unit == "ratio" and 0 <= worst <= 1:
        room = min(room, (1 - worst if sign > 0 else worst) / 2)
    return round_beyond(worst + sign * room, sign) if room else worst


def round_beyond(value: float, sign: float) -> float:
    """Return a number of two digits that is not on the other side of `value`: up for 1, down for -1."""
    if value == 0:
        return 0.0
    size = math.floor(math.log10(abs(value))) - _DIGITS + 1
    # In whole numbers, so that 0.15 is not 0.15000000000000002.
    digits = value / 10.0**size
    whole = math.ceil(digits - 1e-9) if sign > 0 else math.floor(digits + 1e-9)
    return float(whole * 10**size if size >= 0 else whole / 10**-size)
