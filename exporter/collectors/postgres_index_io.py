"""Block reads of the largest tables' indexes, from pg_statio_user_indexes.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STATIO-ALL-INDEXES-VIEW
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

_LABELS = ("server", "datname", "schemaname", "relname", "indexrelname")

VIEW = View(
    with_view("pg_statio_user_indexes"),
    (
        Column(
            Metric(
                "pg_statio_user_indexes_idx_blks_read_total",
                "counter",
                "Blocks of the index read from disk.",
                _LABELS,
            ),
            "idx_blks_read",
        ),
        Column(
            Metric(
                "pg_statio_user_indexes_idx_blks_hit_total",
                "counter",
                "Blocks of the index found in the buffer cache.",
                _LABELS,
            ),
            "idx_blks_hit",
        ),
    ),
    labels=("current_database()", "schemaname", "stat.relname", "indexrelname"),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:statio_user_indexes", default=False)
def collect(world: World, server: Server) -> Reading[Iterable[Sample | Lines]]:
    """Blocks of each index that were read, and found in the buffer cache."""
    return read_all_databases(world, server, VIEW)
