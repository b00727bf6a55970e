"""Activity of the largest tables of each database, from pg_stat_user_tables.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Lines, Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_databases import read_all_databases
from deckwatch.exporter.sources.postgres_tables import with_view
from deckwatch.exporter.sources.postgres_view import NEVER, Column, View

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
    with_view("pg_stat_user_tables", groups_before=NEVER),
    (
        _declare_column("seq_scan", "counter", "Sequential scans."),
        _declare_column("seq_tup_read", "counter", "Rows read by sequential scans."),
        # NULL in a table without indexes.
        _declare_column("idx_scan", "counter", "Index scans.", "coalesce(idx_scan, 0)"),
        _declare_column("idx_tup_fetch", "counter", "Rows fetched by index scans.", "coalesce(idx_tup_fetch, 0)"),
        _declare_column("n_tup_ins", "counter", "Rows inserted."),
        _declare_column("n_tup_upd", "counter", "Rows updated."),
        _declare_column("n_tup_del", "counter", "Rows deleted."),
        _declare_column("n_tup_hot_upd", "counter", "Rows updated without a new index entry (HOT)."),
        _declare_column("n_live_tup", "gauge", "Estimated number of live rows."),
        _declare_column("n_dead_tup", "gauge", "Estimated number of dead rows."),
        _declare_column("n_mod_since_analyze", "gauge", "Rows changed since the table was last analyzed."),
        _declare_time("last_vacuum", "Last manual vacuum, as a Unix time; 0 if never."),
        _declare_time("last_autovacuum", "Last autovacuum, as a Unix time; 0 if never."),
        _declare_time("last_analyze", "Last manual analyze, as a Unix time; 0 if never."),
        _declare_time("last_autoanalyze", "Last autoanalyze, as a Unix time; 0 if never."),
        _declare_column("vacuum_count", "counter", "Manual vacuums."),
        _declare_column("autovacuum_count", "counter", "Autovacuums."),
        _declare_column("analyze_count", "counter", "Manual analyzes."),
        _declare_column("autoanalyze_count", "counter", "Autoanalyzes."),
    ),
    labels=("current_database()", "schemaname", "stat.relname"),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_user_tables")
def collect(world: World, server: Server) -> Reading[Iterable[Sample | Lines]]:
    """Rows and scans of the largest tables, and when they were last vacuumed."""
    return read_all_databases(world, server, VIEW)
