"""How far behind the replicas of a server are, from pg_stat_replication.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW
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

_LABELS = ("server", "application_name", "client_addr", "state", "slot_name")


def _declare_gauge(name: str, help_text: str) -> Metric:
    return Metric(f"pg_stat_replication_{name}", "gauge", help_text, _LABELS, unit="bytes")


def _declare_lag(name: str, help_text: str) -> Column:
    """Return a column of seconds; NULL while an idle replica has caught up."""
    metric = Metric(f"deckwatch_postgres_replica_{name}_lag_seconds", "gauge", help_text, _LABELS)
    return Column(metric, f"coalesce(extract(epoch FROM {name}_lag), 0)::float8")


VIEW = View(
    # A replica can have several connections with the same name: the one furthest behind counts.
    """(
        SELECT
            application_name, client_addr::text AS client_addr, state, slot_name,
            min(pg_wal_lsn_diff(here, '0/0'))::float8 AS current_wal,
            max(pg_wal_lsn_diff(here, replay_lsn))::float8 AS behind,
            max(write_lag) AS write_lag, max(flush_lag) AS flush_lag, max(replay_lag) AS replay_lag
        FROM pg_stat_replication LEFT JOIN pg_replication_slots ON active_pid = pid, (
            SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS here
        ) AS log
        GROUP BY 1, 2, 3, 4
    ) AS replicas""",
    (
        Column(
            _declare_gauge("pg_current_wal_lsn_bytes", "Current WAL position of the server, in bytes."), "current_wal"
        ),
        Column(_declare_gauge("pg_wal_lsn_diff", "Bytes of WAL not yet replayed by the replica."), "behind"),
        _declare_lag("write", "Write lag of the replica."),
        _declare_lag("flush", "Flush lag of the replica."),
        _declare_lag("replay", "Replay lag of the replica."),
    ),
    labels=("application_name", "client_addr", "state", "slot_name"),
    needs_monitor=True,
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_replication")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """How far each replica is behind, in bytes and seconds."""
    return VIEW.read_samples(server)
