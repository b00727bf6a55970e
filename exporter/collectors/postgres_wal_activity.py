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


def _declare_metric(name: str, help_text: str) -> Metric:
    return Metric(f"deckwatch_postgres_wal_{name}_total", "counter", help_text, ("server",))


def _declare_column(name: str, help_text: str, sql: str) -> Column:
    return Column(_declare_metric(name, help_text), sql, since=14)


def _declare_moved(name: str, help_text: str, before: str, since: str) -> tuple[Column, Column]:
    """Return the column up to PostgreSQL 17, and its replacement since 18, from the rows of the WAL in pg_stat_io."""
    metric = _declare_metric(name, help_text)
    # The context `init` is the creation of segments, which pg_stat_wal never counted.
    total = f"(SELECT sum({since}) FROM pg_stat_io WHERE object = 'wal' AND context = 'normal')"  # noqa: S608 - constants of ours
    return Column(metric, before, since=14, before=18), Column(metric, total, since=18)


VIEW = View(
    "pg_stat_wal",
    (
        _declare_column("records", "WAL records generated.", "wal_records"),
        _declare_column("full_page_images", "Full page images generated.", "wal_fpi"),
        _declare_column("bytes", "WAL generated, in bytes.", "wal_bytes"),
        _declare_column("buffers_full", "WAL writes because the WAL buffers were full.", "wal_buffers_full"),
        *_declare_moved("writes", "WAL writes to disk.", "wal_write", "writes"),
        *_declare_moved("syncs", "WAL syncs to disk.", "wal_sync", "fsyncs"),
        *_declare_moved(
            "write_seconds",
            "Seconds spent writing, with track_wal_io_timing.",
            "wal_write_time / 1000",
            "write_time / 1000",
        ),
        *_declare_moved(
            "sync_seconds",
            "Seconds spent synchronising, with track_wal_io_timing.",
            "wal_sync_time / 1000",
            "fsync_time / 1000",
        ),
    ),
)


@collector(*VIEW.metrics, subjects=configured_servers)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Records, bytes and synchronisations of the write-ahead log, of PostgreSQL 14 and newer."""
    return VIEW.read_samples(server)
