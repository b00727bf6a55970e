"""State of a replica, from pg_is_in_recovery(), pg_last_xact_replay_timestamp() and pg_stat_wal_receiver.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
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

_REPLAY_AGE = "greatest(0, extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8)"
# A restarted replica that has replayed nothing yet is behind at least since its start.
_LAG = """greatest(0, extract(epoch FROM
    clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))::float8)"""
# A role without pg_monitor sees that a receiver runs, if no more of it.
_RECEIVING = "EXISTS (SELECT FROM pg_stat_wal_receiver)"
# A replica fed from an archive alone has no receiver. The setting is hidden from a role without pg_read_all_settings,
# which can only see whether the replica has received anything since its start.
_STREAMS = """CASE
    WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_read_all_settings' AND pg_has_role(oid, 'USAGE'))
    THEN current_setting('primary_conninfo') <> '' ELSE pg_last_wal_receive_lsn() IS NOT NULL END"""

VIEW = View(
    "(SELECT pg_is_in_recovery() AS replica) AS role",
    (
        # A replica that has replayed all it received, and still receives, is not behind, however long nothing was
        # written. Without a receiver nobody knows what the primary has written since.
        Column(
            Metric("pg_replication_lag_seconds", "gauge", "Replication lag of a replica; 0 on a primary.", ("server",)),
            f"""CASE WHEN NOT replica OR (
                    {_RECEIVING} AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                ) THEN 0 ELSE {_LAG} END""",
        ),
        Column(
            Metric(
                "pg_replication_is_replica", "gauge", "1 if the server is a replica, 0 if not.", ("server",), state=True
            ),
            "replica",
        ),
        Column(
            Metric(
                "pg_replication_last_replay_seconds",
                "gauge",
                "Seconds since a replica last replayed a transaction; 0 on a primary.",
                ("server",),
            ),
            _REPLAY_AGE,
        ),
        Column(
            Metric(
                "deckwatch_postgres_wal_receiver_running",
                "gauge",
                "1 if a replica receives WAL from its primary, 0 if not; absent where it is not configured to.",
                ("server",),
            ),
            f"CASE WHEN replica AND {_STREAMS} THEN {_RECEIVING} END",
        ),
    ),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:replication")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Whether the server is a replica, how many seconds it is behind, and whether it receives WAL."""
    return VIEW.read_samples(server)
