"""Idle time of sessions, from pg_stat_activity.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Row, Server, configured_servers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.world import World

_LABELS = ("server", "state", "application_name")
IDLE = Metric("pg_process_idle_seconds", "histogram", "Idle time of idle sessions.", _LABELS)
_BUCKET = IDLE.with_suffix("_bucket", (*_LABELS, "le"))
_SUM = IDLE.with_suffix("_sum")
_COUNT = IDLE.with_suffix("_count")

BOUNDS = (1, 2, 5, 15, 30, 60, 90, 120, 300)  # seconds, as postgres_exporter has them

# Clients choose application_name, and each yields twelve series: beyond this many, groups are merged per state.
MAX_GROUPS = 50

SQL = f"""
    SELECT state, coalesce(application_name, 'unknown'), count(*), sum(seconds),
        {", ".join(f"count(*) FILTER (WHERE seconds <= {bound})" for bound in BOUNDS)}
    FROM (
        SELECT state, application_name,
            greatest(0, extract(epoch FROM clock_timestamp() - state_change))::float8 AS seconds
        FROM pg_stat_activity WHERE state LIKE 'idle%' AND pid <> pg_backend_pid()
    ) AS sessions
    GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""  # noqa: S608 - every part is a constant of ours


@collector(IDLE, subjects=configured_servers, peer="pg:process_idle", default=False)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """How long the idle sessions have been idle, by state and application."""
    return idle_samples(server.name, server.run_query(lambda _: SQL, needs_monitor=True).rows)


def idle_samples(server: str, rows: Iterable[Row]) -> Iterator[Sample]:
    """Turn rows of state, application, number of sessions, sum of seconds and number up to each bound into samples."""
    groups: dict[tuple[str, str], list[float]] = {}
    for state, application, *figures in rows:
        group = (str(state), str(application))
        if len(groups) >= MAX_GROUPS and group not in groups:
            group = (group[0], "other")
        known = groups.get(group, [0.0] * len(figures))
        groups[group] = [so_far + more for so_far, more in zip(known, figures, strict=True)]
    for group, (count, total, *below) in groups.items():
        for bound, number in zip((*map(str, BOUNDS), "+Inf"), (*below, count), strict=True):
            yield _BUCKET(number, server, *group, bound)
        yield _SUM(total, server, *group)
        yield _COUNT(count, server, *group)
