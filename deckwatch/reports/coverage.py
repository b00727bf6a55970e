"""What Prometheus has of a range: since when, for which share of the time, and where it has gaps."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.reports.model import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.provisioning.prometheus import Prometheus

_SERIES = '{__name__=~"up|ALERTS"}'
_FINE_STEP_SECONDS = 15
_MAX_POINTS = 10_000  # Prometheus allows 11,000
_SHORTEST_GAP_SECONDS = 600  # a restart of Prometheus is none
_AHEAD_DAYS = 400  # after the present, where samples are a sign of a clock that was set back
_AHEAD_STEP_SECONDS = 600
_DAY = 86400


def read_coverage(prometheus: Prometheus, start: float, end: float) -> Coverage:
    """Return the coverage of the range between two Unix times and of the previous period; raises Unreachable."""
    first = start - (end - start)
    step = max(60.0, prometheus.interval, 2 * (end - start) / _MAX_POINTS)
    # A point has data if there is a sample since the point before, or since two missed scrapes.
    window = max(step, 2.5 * prometheus.interval)
    expr = f"group(present_over_time({_SERIES}[{round(window)}s]))"
    found = prometheus.query_range(expr, first + step, end, step)
    coverage = measure_coverage([at for series in found for at, _ in series["values"]], start, end, step)
    if coverage.since is None or coverage.since <= first:
        return coverage
    # The points have found its step; the time of the sample itself is asked only of a young Prometheus.
    oldest = f"min(min_over_time(timestamp({_SERIES})[{round(window)}s:{_FINE_STEP_SECONDS}s]))"
    samples = prometheus.query_at(oldest, coverage.since + step)
    since = float(samples[0]["value"][1]) if samples else coverage.since
    return replace(coverage, since=max(since, coverage.since))


def measure_coverage(times: Sequence[float], start: float, end: float, step: float) -> Coverage:
    """Return the coverage from the times of points with data, `step` seconds apart since the previous period."""
    moments = sorted(set(times))
    points = max(round((end - start) / step), 1)
    inside = sum(at > start + step / 2 for at in moments)
    return Coverage(
        since=moments[0] - step if moments else None,
        covered=min(inside / points, 1.0),
        covered_before=min((len(moments) - inside) / points, 1.0),
        gaps=list(_find_gaps(moments, start, end, step)),
    )


def read_ahead(prometheus: Prometheus, now: float) -> float | None:
    """Return the time of the newest sample if it is later than Prometheus' own time, else None; raises Unreachable."""
    first = now + _AHEAD_STEP_SECONDS  # a scrape may be a little later than the clock that was asked
    days = _find_times(prometheus, first, first + _AHEAD_DAYS * _DAY, _DAY)
    if not days:
        return None
    last = days[-1]
    return max(_find_times(prometheus, last - _DAY, last, _AHEAD_STEP_SECONDS), default=last)


def _find_times(prometheus: Prometheus, start: float, end: float, step: float) -> list[float]:
    """Return the times `step` seconds apart, from a step after `start`, that have a sample within the step before."""
    expr = f"group(present_over_time(up[{round(step)}s]))"
    found = prometheus.query_range(expr, start + step, end, step)
    return sorted(at for series in found for at, _ in series["values"])


def _find_gaps(moments: Sequence[float], start: float, end: float, step: float) -> Iterator[tuple[float, float]]:
    """Yield the times without samples inside the range, after its first sample."""
    shortest = max(_SHORTEST_GAP_SECONDS, 1.5 * step)
    for before, after in itertools.pairwise([*moments, end] if moments else ()):
        if after - before > shortest and after > start:
            yield max(before, start), after
