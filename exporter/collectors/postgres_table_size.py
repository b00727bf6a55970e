"""Sizes of the largest tables of each database, from pg_table_size() and pg_indexes_size().

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Lines, Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_databases import read_all_databases
from deckwatch.exporter.sources.postgres_tables import LARGEST
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.world import Reading, World

_LABELS = ("server", "datname", "schemaname", "relname")
# These functions lock the table, as a query does. One that somebody has locked is left out, not waited for.
_FREE = """WHERE NOT EXISTS (
    SELECT FROM pg_locks WHERE relation = largest.oid AND mode = 'AccessExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)"""

VIEW = View(
    f"{LARGEST} {_FREE}",
    (
        Column(
            Metric("pg_stat_user_tables_index_size_bytes", "gauge", "Disk space used by the table's indexes.", _LABELS),
            "pg_indexes_size(largest.oid)",
        ),
        Column(
            Metric(
                "pg_stat_user_tables_table_size_bytes",
                "gauge",
                "Disk space used by the table, without its indexes.",
                _LABELS,
            ),
            "pg_table_size(largest.oid)",
        ),
    ),
    labels=("current_database()", "nspname", "relname"),
)


@collector(*VIEW.metrics, subjects=configured_servers)
def collect(world: World, server: Server) -> Reading[Iterable[Sample | Lines]]:
    """Disk space of the largest tables and of their indexes."""
    return read_all_databases(world, server, VIEW)
