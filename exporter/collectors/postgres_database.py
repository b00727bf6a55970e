"""What the databases of a server do, from pg_stat_database.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.catalog import Kind
    from deckwatch.exporter.world import World


def _metric(name: str, text: str, kind: Kind = "counter", unit: str = "") -> Metric:
    return Metric(f"pg_stat_database_{name}", kind, text, ("server", "datid", "datname"), unit=unit)


VIEW = View(
    "pg_stat_database WHERE datname IS NOT NULL",  # the row without a name counts shared catalogues
    (
        Column(_metric("numbackends", "Sessions connected to the database.", "gauge"), "numbackends"),
        Column(_metric("xact_commit", "Transactions committed."), "xact_commit"),
        Column(_metric("xact_rollback", "Transactions rolled back."), "xact_rollback"),
        Column(_metric("blks_read", "Blocks read from outside of the buffer cache."), "blks_read"),
        Column(_metric("blks_hit", "Blocks found in the buffer cache."), "blks_hit"),
        Column(_metric("tup_returned", "Rows that scans went through."), "tup_returned"),
        Column(_metric("tup_fetched", "Rows that index scans fetched."), "tup_fetched"),
        Column(_metric("tup_inserted", "Rows inserted."), "tup_inserted"),
        Column(_metric("tup_updated", "Rows updated."), "tup_updated"),
        Column(_metric("tup_deleted", "Rows deleted."), "tup_deleted"),
        Column(_metric("conflicts", "Queries that recovery cancelled, on a replica."), "conflicts"),
        Column(_metric("temp_files", "Temporary files that queries wrote."), "temp_files"),
        Column(_metric("temp_bytes", "Bytes that queries wrote to temporary files."), "temp_bytes"),
        Column(_metric("deadlocks", "Deadlocks found."), "deadlocks"),
        Column(
            _metric("blk_read_time", "Milliseconds spent reading blocks, with track_io_timing.", unit="milliseconds"),
            "blk_read_time",
        ),
        Column(
            _metric("blk_write_time", "Milliseconds spent writing blocks, with track_io_timing.", unit="milliseconds"),
            "blk_write_time",
        ),
        Column(
            _metric("stats_reset", "When these counters were last reset, as a Unix time.", unit="timestamp"),
            "extract(epoch FROM stats_reset)::float8",
        ),
        Column(_metric("active_time_seconds_total", "Seconds that statements ran."), "active_time / 1000", since=14),
    ),
    labels=("datid", "datname"),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_database")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Transactions, rows, blocks and temporary files of each database."""
    return VIEW.read_samples(server)
