"""Whether a server is a replica, and how far behind, from pg_is_in_recovery() and pg_last_xact_replay_timestamp().

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

VIEW = View(
    "(SELECT pg_is_in_recovery() AS replica) AS role",
    (
        # A replica that has replayed all it received is not behind, however long nothing was written.
        Column(
            Metric("pg_replication_lag_seconds", "gauge", "Replication lag of a replica; 0 on a primary.", ("server",)),
            f"""CASE WHEN NOT replica OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE {_REPLAY_AGE} END""",
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
    ),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:replication")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Whether the server is a replica, and how many seconds it is behind."""
    return VIEW.read_samples(server)
