"""Unused indexes, from pg_stat_user_indexes.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Lines, Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_databases import read_all_databases
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.world import Reading, World

_LABELS = ("server", "datname", "schemaname", "relname", "indexrelname")
_MAX_INDEXES = 100

VIEW = View(
    # Unique ones keep rows from being there twice, whether anybody reads them or not.
    f"""(
        SELECT stat.*, relpages FROM pg_stat_user_indexes AS stat
        JOIN pg_index ON pg_index.indexrelid = stat.indexrelid JOIN pg_class ON pg_class.oid = stat.indexrelid
        WHERE idx_scan = 0 AND NOT indisunique AND indisvalid AND relpages > 0
        ORDER BY relpages DESC, stat.indexrelid LIMIT {_MAX_INDEXES}
    ) AS unused""",  # noqa: S608 - a constant of ours
    (
        Column(
            Metric(
                "deckwatch_postgres_unused_index_bytes",
                "gauge",
                "Disk space used by an index not used since the statistics were reset.",
                _LABELS,
            ),
            "relpages * current_setting('block_size')::bigint",
        ),
    ),
    labels=("current_database()", "schemaname", "relname", "indexrelname"),
)


@collector(*VIEW.metrics, subjects=configured_servers)
def collect(world: World, server: Server) -> Reading[Iterable[Sample | Lines]]:
    """The largest indexes that no query has used."""
    return read_all_databases(world, server, VIEW)
