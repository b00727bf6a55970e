"""Activity of the checkpointer, from pg_stat_checkpointer.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-CHECKPOINTER-VIEW
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


def _declare_column(name: str, help_text: str, sql: str = "", unit: str = "", since: int = 17) -> Column:
    metric = Metric(f"pg_stat_checkpointer_{name}_total", "counter", help_text, ("server",), unit=unit)
    return Column(metric, sql or name, since=since)


VIEW = View(
    "pg_stat_checkpointer",
    (
        _declare_column("num_timed", "Scheduled checkpoints."),
        _declare_column("num_requested", "Requested checkpoints."),
        _declare_column("num_done", "Completed checkpoints.", since=18),
        _declare_column("restartpoints_timed", "Scheduled restartpoints of a replica."),
        _declare_column("restartpoints_req", "Requested restartpoints of a replica."),
        _declare_column("restartpoints_done", "Completed restartpoints of a replica."),
        _declare_column("write_time", "Milliseconds spent writing files in checkpoints.", unit="milliseconds"),
        _declare_column("sync_time", "Milliseconds spent synchronising files in checkpoints.", unit="milliseconds"),
        _declare_column("buffers_written", "Buffers written by checkpoints."),
        _declare_column("slru_written", "SLRU buffers written by checkpoints.", since=18),
        _declare_column(
            "stats_reset",
            "Last reset of these counters as a Unix time, 0 if never.",
            "coalesce(extract(epoch FROM stats_reset), 0)::float8",
            "timestamp",
        ),
    ),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_checkpointer")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Checkpoints and restartpoints, of PostgreSQL 17 and newer."""
    return VIEW.read_samples(server)
