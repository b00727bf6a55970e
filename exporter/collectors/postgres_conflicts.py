"""Queries that recovery cancelled on a replica, from pg_stat_database_conflicts.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-CONFLICTS-VIEW
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

_CAUSES = {  # by column name, without confl_
    "tablespace": "dropped tablespaces",
    "lock": "lock timeouts",
    "snapshot": "old snapshots",
    "bufferpin": "pinned buffers",
    "deadlock": "deadlocks",
    "active_logicalslot": "logical replication slots in use",
}
_SINCE = {"active_logicalslot": 16}  # major version
VIEW = View(
    "pg_stat_database_conflicts WHERE datname IS NOT NULL",
    tuple(
        Column(
            Metric(
                f"pg_stat_database_conflicts_confl_{reason}",
                "counter",
                f"Queries cancelled by recovery because of {cause}.",
                ("server", "datid", "datname"),
            ),
            f"confl_{reason}",
            since=_SINCE.get(reason, 0),
        )
        for reason, cause in _CAUSES.items()
    ),
    labels=("datid", "datname"),
)


@collector(*VIEW.metrics, subjects=configured_servers)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Queries that recovery cancelled on a replica, by reason."""
    return VIEW.read_samples(server)
