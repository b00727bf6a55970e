"""How large the databases of a server are, and how many connections each takes, from pg_database.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE
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

# The size of a database that the role may not connect to is an error, which would take the other sizes along.
_SIZE = """
    CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')
         THEN pg_database_size(oid) END
"""
VIEW = View(
    "pg_database",
    (
        Column(
            Metric("pg_database_size_bytes", "gauge", "Disk space used by the database.", ("server", "datname")),
            _SIZE,
        ),
        Column(
            Metric(
                "pg_database_connection_limit",
                "gauge",
                "Connection limit of the database; -1 means no limit.",
                ("server", "datname"),
            ),
            "datconnlimit",
        ),
    ),
    labels=("datname",),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:database")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Size and connection limit of each database; on its own because the server counts files for it."""
    return VIEW.read_samples(server)
