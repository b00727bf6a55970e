"""Activity of each database, from pg_stat_database.

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


def _declare_metric(name: str, help_text: str, kind: Kind = "counter", unit: str = "") -> Metric:
    return Metric(f"pg_stat_database_{name}", kind, help_text, ("server", "datid", "datname"), unit=unit)


VIEW = View(
    "pg_stat_database WHERE datname IS NOT NULL",  # the row without a name counts shared catalogues
    (
        Column(_declare_metric("numbackends", "Sessions connected to the database.", "gauge"), "numbackends"),
        Column(_declare_metric("xact_commit", "Transactions committed."), "xact_commit"),
        Column(_declare_metric("xact_rollback", "Transactions rolled back."), "xact_rollback"),
        Column(_declare_metric("blks_read", "Blocks read from disk."), "blks_read"),
        Column(_declare_metric("blks_hit", "Blocks found in the buffer cache."), "blks_hit"),
        Column(_declare_metric("tup_returned", "Rows returned by scans."), "tup_returned"),
        Column(_declare_metric("tup_fetched", "Rows fetched by index scans."), "tup_fetched"),
        Column(_declare_metric("tup_inserted", "Rows inserted."), "tup_inserted"),
        Column(_declare_metric("tup_updated", "Rows updated."), "tup_updated"),
        Column(_declare_metric("tup_deleted", "Rows deleted."), "tup_deleted"),
        Column(_declare_metric("conflicts", "Queries cancelled by recovery, on a replica."), "conflicts"),
        Column(_declare_metric("temp_files", "Temporary files created by queries."), "temp_files"),
        Column(_declare_metric("temp_bytes", "Bytes written to temporary files by queries."), "temp_bytes"),
        Column(_declare_metric("deadlocks", "Deadlocks detected."), "deadlocks"),
        Column(
            _declare_metric(
                "blk_read_time", "Milliseconds spent reading blocks, with track_io_timing.", unit="milliseconds"
            ),
            "blk_read_time",
        ),
        Column(
            _declare_metric(
                "blk_write_time", "Milliseconds spent writing blocks, with track_io_timing.", unit="milliseconds"
            ),
            "blk_write_time",
        ),
        Column(
            _declare_metric(
                "stats_reset", "Last reset of these counters as a Unix time, 0 if never.", unit="timestamp"
            ),
            "coalesce(extract(epoch FROM stats_reset), 0)::float8",
        ),
        Column(
            _declare_metric("active_time_seconds_total", "Seconds spent executing statements."),
            "active_time / 1000",
            since=14,
        ),
    ),
    labels=("datid", "datname"),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_database")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Transactions, rows, blocks and temporary files of each database."""
    return VIEW.read_samples(server)
