"""What is done with the largest tables of each database, from pg_stat_user_tables.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_databases import read_all_databases
from deckwatch.exporter.sources.postgres_tables import with_view
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.core.catalog import Kind
    from deckwatch.exporter.world import Reading, World

_LABELS = ("server", "datname", "schemaname", "relname")


def _declare_column(name: str, kind: Kind, help_text: str, sql: str = "", unit: str = "") -> Column:
    return Column(Metric(f"pg_stat_user_tables_{name}", kind, help_text, _LABELS, unit=unit), sql or name)


def _declare_time(name: str, help_text: str) -> Column:
    """Return a column of a Unix time, which is 0 where it never happened."""
    return _declare_column(name, "gauge", help_text, f"coalesce(extract(epoch FROM {name}), 0)::float8", "timestamp")


VIEW = View(
    with_view("pg_stat_user_tables"),
    (
        _declare_column("seq_scan", "counter", "Scans that went through the whole table."),
        _declare_column("seq_tup_read", "counter", "Rows that scans of the whole table went through."),
        _declare_column("idx_scan", "counter", "Scans by an index of the table."),
        _declare_column("idx_tup_fetch", "counter", "Rows fetched by its indexes."),
        _declare_column("n_tup_ins", "counter", "Rows inserted."),
        _declare_column("n_tup_upd", "counter", "Rows updated."),
        _declare_column("n_tup_del", "counter", "Rows deleted."),
        _declare_column("n_tup_hot_upd", "counter", "Rows updated without a new entry in any index."),
        _declare_column("n_live_tup", "gauge", "Rows, as the server estimates."),
        _declare_column("n_dead_tup", "gauge", "Dead rows that no vacuum has removed, as the server estimates."),
        _declare_column("n_mod_since_analyze", "gauge", "Rows changed since the table was last analyzed."),
        _declare_time("last_vacuum", "When somebody last vacuumed the table, as a Unix time; 0 for never."),
        _declare_time("last_autovacuum", "When the table was last vacuumed by itself, as a Unix time; 0 for never."),
        _declare_time("last_analyze", "When somebody last analyzed the table, as a Unix time; 0 for never."),
        _declare_time("last_autoanalyze", "When the table was last analyzed by itself, as a Unix time; 0 for never."),
        _declare_column("vacuum_count", "counter", "Times that somebody vacuumed the table."),
        _declare_column("autovacuum_count", "counter", "Times that the table was vacuumed by itself."),
        _declare_column("analyze_count", "counter", "Times that somebody analyzed the table."),
        _declare_column("autoanalyze_count", "counter", "Times that the table was analyzed by itself."),
    ),
    labels=("current_database()", "schemaname", "stat.relname"),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_user_tables")
def collect(world: World, server: Server) -> Reading[Iterable[Sample]]:
    """Rows and scans of the largest tables, and when they were last vacuumed."""
    return read_all_databases(world, server, VIEW)
