"""Suggest limits from history: how often an alert would have fired, and the limit that would have kept it silent.

A single point beyond the limit does not fire: the condition must hold for the alert's `for`. So the sustained level of
each series counts, the minimum of the points in each span of that length (the maximum, for `below`).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.alerting.model import Alert

MARGIN = 0.1  # relative distance of a suggested limit from the worst sustained level
KEYWORDS = {">": "above", "<": "below"}
_DIGITS = 2  # significant digits of a suggested limit

Point = tuple[float, float]  # seconds, value


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggestion for an alert's limit, from history.

    `usual` is the median of all points, `worst` the most extreme level sustained for `for`. `fired` is how often the
    alert would have fired, `beyond` for how many seconds. `limit` would have kept it silent.
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

    An alert without `above` or `below` has no suggestion.
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
    """Yield the contiguous runs of a series; NaN and infinity are gaps."""
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
    """Yield the minimum of each `span` consecutive values."""
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
    """Return a rounded limit slightly beyond the worst level; a ratio stays between 0 and 1."""
    room = abs(worst) * MARGIN
    if unit == "ratio" and 0 <= worst <= 1:
        room = min(room, (1 - worst if sign > 0 else worst) / 2)
    return round_beyond(worst + sign * room, sign) if room else worst


def round_beyond(value: float, sign: float) -> float:
    """Round to two significant digits, away from `value`: up if `sign` is 1, down if -1."""
    if value == 0:
        return 0.0
    size = math.floor(math.log10(abs(value))) - _DIGITS + 1
    # Integer arithmetic, so that 0.15 does not become 0.15000000000000002.
    digits = value / 10.0**size
    rounded = math.ceil(digits - 1e-9) if sign > 0 else math.floor(digits + 1e-9)
    return float(rounded * 10**size if size >= 0 else rounded / 10**-size)
