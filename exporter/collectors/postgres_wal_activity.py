"""Write activity of the write-ahead log, from pg_stat_wal.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-WAL-VIEW
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


def _declare_column(name: str, help_text: str, sql: str = "", before: int = 0) -> Column:
    metric = Metric(f"deckwatch_postgres_wal_{name}_total", "counter", help_text, ("server",))
    return Column(metric, sql or name, since=14, before=before) if before else Column(metric, sql or name, since=14)


VIEW = View(
    "pg_stat_wal",
    (
        _declare_column("records", "WAL records generated.", "wal_records"),
        _declare_column("full_page_images", "Full page images generated.", "wal_fpi"),
        _declare_column("bytes", "WAL generated, in bytes.", "wal_bytes"),
        _declare_column("buffers_full", "WAL writes because the WAL buffers were full.", "wal_buffers_full"),
        # Since 18 they are rows of pg_stat_io.
        _declare_column("writes", "WAL writes to disk.", "wal_write", before=18),
        _declare_column("syncs", "WAL syncs to disk.", "wal_sync", before=18),
        _declare_column(
            "write_seconds", "Seconds spent writing, with track_wal_io_timing.", "wal_write_time / 1000", before=18
        ),
        _declare_column(
            "sync_seconds", "Seconds spent synchronising, with track_wal_io_timing.", "wal_sync_time / 1000", before=18
        ),
    ),
)


@collector(*VIEW.metrics, subjects=configured_servers)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Records, bytes and synchronisations of the write-ahead log, of PostgreSQL 14 and newer."""
    return VIEW.read_samples(server)
