"""Sizes of a server's databases: it looks at every file for them, so they are read in the background and rarely.

A hundred databases took a server 0.2 s of CPU at each scrape. A size belongs to one database, by its id and name: the
next database with this name starts without a size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core import units
from deckwatch.exporter.sources.background import Background
from deckwatch.exporter.sources.postgres import configured_servers
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.sources.postgres import Server
    from deckwatch.exporter.world import World

_EVERY = "5m"  # default of the configuration
_TICK_SECONDS = 60.0  # after which a new database has its size, unless the interval is shorter
_FIRST_SECONDS = 2.0  # that a scrape waits for the first sizes, once
_AT_ONCE = 20  # databases in one statement: far from its time limit, and collectors get their turn in between
_MISSED_READINGS = 3  # after this many, a size is too old to be exposed

# The size of a database that the role may not connect to is an error, which would take the other sizes along.
_SIZED = "has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')"
_DATABASES = f"SELECT oid, datname FROM pg_database WHERE {_SIZED} ORDER BY oid"  # noqa: S608 - a constant of ours

Database = tuple[int, str]  # object id and name


class DatabaseSize(NamedTuple):
    """The bytes of a database, and the time of World.age_clock before they were read."""

    size: int
    at: float


class DatabaseSizes(Source):
    """The sizes on every configured server; a Source of the World."""

    def __init__(self, world: World) -> None:
        every = {entry["name"]: entry.get("sizes_every", _EVERY) for entry in world.config.get("postgres") or []}
        self._by_server = {
            name: _ServerSizes(world, server, units.parse_duration(every[name]))
            for name, server in configured_servers(world).items()
        }

    def latest_sizes(self, server: Server) -> Mapping[Database, DatabaseSize]:
        """Return the newest size of each database; raises as Background.latest_reading does."""
        return self._by_server[server.name].readings.latest_reading().value

    def close(self) -> None:
        """End the threads."""
        for sizes in self._by_server.values():
            sizes.readings.close()


class _ServerSizes:
    def __init__(self, world: World, server: Server, seconds: float) -> None:
        self._world = world
        self._server = server
        self._seconds = seconds
        self._tick = min(seconds, _TICK_SECONDS)
        self._known: dict[Database, DatabaseSize] = {}
        self.readings: Background[dict[Database, DatabaseSize]] = Background(
            world,
            f"the sizes of the databases of PostgreSQL server {server.name}",
            self._read_due_sizes,
            seconds=self._tick,
            first_seconds=_FIRST_SECONDS,
        )

    def _read_due_sizes(self) -> dict[Database, DatabaseSize]:
        """Read the sizes that are missing or as old as the interval, and return all of them."""
        databases: list[Database] = [(oid, name) for oid, name in self._server.run_query(lambda _: _DATABASES).rows]
        now = self._world.age_clock()
        oldest = now - _MISSED_READINGS * self._seconds
        known = {key: self._known[key] for key in databases if key in self._known and self._known[key].at > oldest}
        due_at = now - self._seconds + self._tick / 2
        due = [key for key in databases if key not in known or known[key].at <= due_at]
        self._known = known
        for first in range(0, len(due), _AT_ONCE):
            known |= self._read_sizes(due[first : first + _AT_ONCE])
        return known

    def _read_sizes(self, databases: list[Database]) -> dict[Database, DatabaseSize]:
        ids = ", ".join(str(oid) for oid, _ in databases)
        sql = f"SELECT oid, datname, pg_database_size(oid) FROM pg_database WHERE oid IN ({ids}) AND ({_SIZED})"  # noqa: S608 - numbers from the server, and a constant of ours
        at = self._world.age_clock()
        rows = self._server.run_query(lambda _: sql).rows
        return {(oid, name): DatabaseSize(int(size), at) for oid, name, size in rows if size is not None}
