"""Open transactions, from pg_stat_activity.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
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

VIEW = View(
    """pg_stat_activity
       WHERE state IS DISTINCT FROM 'idle' AND query NOT LIKE 'autovacuum:%' AND xact_start IS NOT NULL
       AND pid <> pg_backend_pid()""",
    (
        Column(Metric("pg_long_running_transactions", "gauge", "Open transactions.", ("server",)), "count(*)"),
        Column(
            # The peer's name says a point in time; its value is an age.
            Metric(
                "pg_long_running_transactions_oldest_timestamp_seconds",
                "gauge",
                "Age of the oldest open transaction.",
                ("server",),
                unit="seconds",
            ),
            "coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8",
        ),
    ),
    needs_monitor=True,
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:long_running_transactions")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Open transactions, and the age of the oldest."""
    return VIEW.read_samples(server)
