"""How large the databases of a server are, and how many connections each takes, from pg_database.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.background import NotReadYet, ReadingFailed
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_sizes import DatabaseSizes
from deckwatch.exporter.world import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.world import World

SIZE = Metric("pg_database_size_bytes", "gauge", "Disk space used by the database.", ("server", "datname"))
LIMIT = Metric(
    "pg_database_connection_limit",
    "gauge",
    "Connection limit of the database; -1 means no limit.",
    ("server", "datname"),
)
SQL = "SELECT oid, datname, datconnlimit FROM pg_database"


@collector(SIZE, LIMIT, subjects=configured_servers, peer="pg:database")
def collect(world: World, server: Server) -> Reading[Iterable[Sample]]:
    """Size of each database, read every five minutes, and its connection limit."""
    databases = server.run_query(lambda _: SQL).rows
    limits = [LIMIT(limit, server.name, datname) for _, datname, limit in databases]
    try:
        sizes = world.source(DatabaseSizes).latest_sizes(server)
    except NotReadYet:
        sizes = {}
    except ReadingFailed as fault:
        return Reading(_yield_and_fail(limits, str(fault)), world.age_clock())
    shown = [(datname, sizes[oid, datname]) for oid, datname, _ in databases if (oid, datname) in sizes]
    samples = [SIZE(size.size, server.name, datname) for datname, size in shown]
    return Reading([*samples, *limits], min((size.at for _, size in shown), default=world.age_clock()))


def _yield_and_fail(samples: list[Sample], reason: str) -> Iterator[Sample]:
    """Yield the samples that were read, and then fail: the connection limits must not be lost with the sizes."""
    yield from samples
    raise ReadingFailed(reason)
