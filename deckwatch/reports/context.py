"""What the sections of a report know: the range, the windows of expressions, signals, and the history of alerts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.core import promql, units
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.signal_lookup import UnknownSignal
from deckwatch.reports.queries import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from deckwatch.alerting.alert_history import History
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.provisioning.insights.model import Findings
    from deckwatch.reports.model import Coverage

MIN_RANGE_SECONDS = 3600
MAX_RANGE_SECONDS = 365 * 86400
_MAX_POINTS = 170  # of one period
# Steps that divide a day, so that points of different days compare.
_STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
_SCRAPES_OF_RATE = 4  # of Grafana's $__rate_interval


@dataclass(frozen=True)
class Context:
    """The range from `start` to `end`, Unix times, and what is known of it before the queries of the sections.

    `interval` is Prometheus' scrape interval in seconds. `components` are the services and databases of the project.
    `history_before` is that of the previous period, None where it cannot be compared. `insights` are of the range.
    `signal_faults` are the reasons why signals of the project have no expression, by name.
    """

    start: float
    end: float
    interval: float
    zone: ZoneInfo
    audience: str
    signals: Signals
    components: Sequence[str]
    coverage: Coverage
    history: History
    history_before: History | None
    insights: Findings
    signal_faults: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The length of the range."""
        return self.end - self.start

    @property
    def is_comparable(self) -> bool:
        """Whether Prometheus has enough of the previous period for a comparison."""
        return self.coverage.is_comparable

    @property
    def window(self) -> str:
        """The range as a duration of PromQL."""
        return f"{round(self.seconds)}s"

    @property
    def grid(self) -> Grid:
        """The points of both periods."""
        step = choose_step(self.seconds)
        # As many points of either period, also if a step does not divide it.
        return Grid(self.end - 2 * (self.seconds // step) * step, self.end, step)

    @property
    def period_times(self) -> Sequence[float]:
        """The points of the range itself."""
        times = self.grid.times
        return times[len(times) // 2 :]

    @property
    def point_window(self) -> str:
        """The window of rates of a point: its step and a scrape interval, at least four of them."""
        return f"{math.ceil(max(self.grid.step + self.interval, _SCRAPES_OF_RATE * self.interval))}s"

    def take_period(self, values: Sequence[float | None]) -> Sequence[float | None]:
        """Return the values of the range itself, of those on the grid."""
        return values[len(values) // 2 :]

    def take_previous(self, values: Sequence[float | None]) -> Sequence[float | None]:
        """Return the values of the previous period, of those on the grid; none where it cannot be compared."""
        return values[: len(values) // 2] if self.is_comparable else ()

    def signal_over_range(self, name: str) -> str:
        """Return the expression of a signal with the whole range as the window of its rates; '' if there is none."""
        return self._build_expression(name, self.window)

    def signal_on_grid(self, name: str) -> str:
        """Return the expression of a signal for the points of the grid; '' if there is none."""
        return self._build_expression(name, self.point_window)

    def _build_expression(self, name: str, window: str) -> str:
        try:
            reference = self.signals.find_reference(name)
        except UnknownSignal:
            return ""
        try:
            # A panel's form has variables wherever a rate is; the other has the windows of rules.
            return promql.with_window(reference.build_expression(), window)
        except promql.PromqlError as error:
            self.signal_faults[name] = str(error)
            return ""


def check_range(seconds: float) -> None:
    """Raise DeckwatchError for a range of which there is no report."""
    if seconds < MIN_RANGE_SECONDS:
        raise DeckwatchError("a report needs a range of at least an hour")
    if seconds > MAX_RANGE_SECONDS:
        raise DeckwatchError("a report has a range of at most a year")


def choose_step(seconds: float) -> float:
    """Return the distance of points of a range, so that there are at most `_MAX_POINTS` of them."""
    return next((step for step in _STEPS if seconds / step <= _MAX_POINTS), math.ceil(seconds / _MAX_POINTS))


def unit_id(word: str) -> str:
    """Return Grafana's id of a unit of signals."""
    return units.GRAFANA.get(word, word)
