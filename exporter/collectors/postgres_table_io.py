"""Block reads of the largest tables, from pg_statio_user_tables.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STATIO-ALL-TABLES-VIEW
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Lines, Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_databases import read_all_databases
from deckwatch.exporter.sources.postgres_tables import with_view
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.world import Reading, World

_LABELS = ("server", "datname", "schemaname", "relname")


def _declare_column(name: str, help_text: str, sql: str) -> Column:
    # NULL in a table without indexes or a TOAST table, of which nothing can be read.
    return Column(Metric(f"pg_statio_user_tables_{name}", "counter", help_text, _LABELS), f"coalesce({sql}, 0)")


VIEW = View(
    with_view("pg_statio_user_tables", groups_before=15),
    (
        _declare_column("heap_blocks_read", "Blocks of the table read from disk.", "heap_blks_read"),
        _declare_column("heap_blocks_hit", "Blocks of the table found in the buffer cache.", "heap_blks_hit"),
        _declare_column("idx_blocks_read", "Blocks of the table's indexes read from disk.", "idx_blks_read"),
        _declare_column("idx_blocks_hit", "Blocks of the table's indexes found in the buffer cache.", "idx_blks_hit"),
        _declare_column("toast_blocks_read", "Blocks of the TOAST table read from disk.", "toast_blks_read"),
        _declare_column("toast_blocks_hit", "Blocks of the TOAST table found in the buffer cache.", "toast_blks_hit"),
        _declare_column("tidx_blocks_read", "Blocks of the TOAST index read from disk.", "tidx_blks_read"),
        _declare_column("tidx_blocks_hit", "Blocks of the TOAST index found in the buffer cache.", "tidx_blks_hit"),
    ),
    labels=("current_database()", "schemaname", "stat.relname"),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:statio_user_tables")
def collect(world: World, server: Server) -> Reading[Iterable[Sample | Lines]]:
    """Blocks of the largest tables that were read, and found in the buffer cache."""
    return read_all_databases(world, server, VIEW)
