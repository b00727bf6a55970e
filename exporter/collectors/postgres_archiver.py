"""Archiving of a server's write-ahead log, from pg_stat_archiver.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW
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
    "pg_stat_archiver",
    (
        Column(
            Metric("pg_stat_archiver_archived_count", "counter", "WAL segments archived.", ("server",)),
            "archived_count",
        ),
        Column(
            Metric(
                "pg_stat_archiver_failed_count", "counter", "Failed attempts to archive a WAL segment.", ("server",)
            ),
            "failed_count",
        ),
        Column(
            Metric(
                "pg_stat_archiver_last_archive_age",
                "gauge",
                "Seconds since a WAL segment was last archived.",
                ("server",),
                unit="seconds",
            ),
            "extract(epoch FROM now() - last_archived_time)::float8",
        ),
    ),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_archiver")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Segments of the write-ahead log archived, failures, and the age of the last success."""
    return VIEW.read_samples(server)
