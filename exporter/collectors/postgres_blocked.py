"""Sessions that wait for locks, from pg_stat_activity and pg_blocking_pids().

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SESSION
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

_LABELS = ("server", "datname")

VIEW = View(
    # pg_blocking_pids() stops all locking for a moment, so it is called only for sessions that wait.
    """(
        SELECT
            datname, count(waiting.pid) AS blocked,
            coalesce(max(extract(epoch FROM clock_timestamp() - since)), 0)::float8 AS longest,
            (
                SELECT count(DISTINCT blocker)
                FROM pg_stat_activity AS held, unnest(pg_blocking_pids(held.pid)) AS blocker
                WHERE held.datid = pg_database.oid AND held.wait_event_type = 'Lock'
            ) AS blocking
        FROM pg_database LEFT JOIN (
            SELECT pid, datid, coalesce(state_change, query_start) AS since
            FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        ) AS waiting ON datid = oid
        WHERE datallowconn
        GROUP BY pg_database.oid, datname
    ) AS locks""",
    (
        Column(
            Metric("deckwatch_postgres_blocked_sessions", "gauge", "Sessions waiting for a lock.", _LABELS), "blocked"
        ),
        Column(
            Metric(
                "deckwatch_postgres_blocking_sessions", "gauge", "Sessions holding locks that others wait for.", _LABELS
            ),
            "blocking",
        ),
        Column(
            Metric(
                "deckwatch_postgres_longest_lock_wait_seconds",
                "gauge",
                "Duration of the longest wait for a lock; 0 if no session waits.",
                _LABELS,
            ),
            "longest",
        ),
    ),
    labels=("datname",),
    needs_monitor=True,
)


@collector(*VIEW.metrics, subjects=configured_servers)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Sessions that wait for locks, sessions they wait for, and the longest wait."""
    return VIEW.read_samples(server)
