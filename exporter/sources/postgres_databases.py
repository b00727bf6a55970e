"""The databases of a server other than that of its persistent connection: visited in turn, in the background.

Some views cover only the connected database. A persistent connection to each would cost the server a process, and
block `DROP DATABASE` and `CREATE DATABASE ... TEMPLATE`; a new one per scrape would cost more than the scrape. So the
databases are visited in turn, at intervals: a connection reads the rows for all collectors, and is closed before
`DROP DATABASE` gives up waiting for it. The rows are exposed with their age.

A visit costs the server 20 ms: it starts a process, which reads the catalogues anew. So there is a limit per minute;
with more databases than that each is visited less often, the one whose visit is oldest first.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core import units
from deckwatch.exporter.name_filter import NameFilter
from deckwatch.exporter.sources.background import Background, NotReadYet, ReadingFailed
from deckwatch.exporter.sources.postgres import configured_servers
from deckwatch.exporter.sources.postgres_dsn import ServerDown
from deckwatch.exporter.world import NoData, Reading, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.sources.postgres import Server
    from deckwatch.exporter.sources.postgres_view import View
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.postgres")

_EVERY = "1m"  # defaults of the configuration
_PER_MINUTE = 15

_ROUND_SECONDS = 60.0  # after which a new database is visited, unless the interval is shorter
_VISIT_SECONDS = 4.0  # DROP DATABASE waits for 5
_GATHERING_SECONDS = 0.2  # in which the collectors of the first scrape register their views
_ROUNDING = 1e-6  # of a visit
_MISSED_VISITS = 3  # after this many, the rows of a database are too old to be exposed

# A database that could not be dropped to its end has the limit -2. The bytes of a name tell one in another encoding.
_NAMES = """
    SELECT datname, namesend(datname) FROM pg_database
    WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 AND datname <> current_database()
    AND has_database_privilege(oid, 'CONNECT') ORDER BY datname
"""


class Visit(NamedTuple):
    """The newest visit of a database: when it began, by World.age_clock, its rows, and why it failed."""

    at: float
    lines: dict[View, list[Lines]]
    failure: str = ""


class Round(NamedTuple):
    """The newest visit of each database, after a round of visits; a new database may have none yet."""

    visits: dict[str, Visit]

    @property
    def failed(self) -> int:
        """The number of databases whose newest visit failed."""
        return sum(1 for visit in self.visits.values() if visit.failure)

    @property
    def visited(self) -> int:
        """The number of databases whose newest visit succeeded."""
        return len(self.visits) - self.failed


class Databases(Source):
    """The visits of every configured server; a Source of the World."""

    def __init__(self, world: World) -> None:
        entries = {entry["name"]: entry for entry in world.config.get("postgres") or []}
        self._visits = {
            name: DatabaseVisits(
                world,
                server,
                NameFilter(entries[name].get("databases"), ""),
                units.parse_duration(entries[name].get("databases_every", _EVERY)),
                entries[name].get("databases_per_minute", _PER_MINUTE),
            )
            for name, server in configured_servers(world).items()
        }

    def for_server(self, server: Server) -> DatabaseVisits:
        """Return the visits of a server."""
        return self._visits[server.name]

    def close(self) -> None:
        """End all of them."""
        for visits in self._visits.values():
            visits.close()


def read_all_databases(world: World, server: Server, view: View) -> Reading[Iterable[Sample | Lines]]:
    """Return a view's samples of the connected database, read now, and of the others, from their newest visits."""
    connected = view.read_samples(server)
    others = world.source(Databases).for_server(server).latest_lines(view)
    return Reading(itertools.chain(connected, others.value), others.at)


class DatabaseVisits:
    """Periodic visits to the databases of a server, as long as there are requests."""

    def __init__(self, world: World, server: Server, choice: NameFilter, seconds: float, per_minute: int) -> None:
        self._world = world
        self._server = server
        self._choice = choice
        self._seconds = seconds
        self._round_seconds = min(seconds, _ROUND_SECONDS)
        self._limit = VisitLimit(per_minute, world.age_clock())
        self._wanted: dict[View, None] = {}
        self._visits: dict[str, Visit] = {}
        self._gathered = False
        what = f"the databases of PostgreSQL server {server.name}"
        self._rounds: Background[Round] = Background(world, what, self._visit_due, seconds=self._round_seconds)

    def latest_lines(self, view: View) -> Reading[list[Lines]]:
        """Return a view's lines of every database and the time of the oldest; none if the newest round failed.

        A view that was not requested before a visit has none of that database. `latest_round` raises the failure: the
        samples of the connected database must not be lost with the others.
        """
        self._wanted[view] = None
        now = self._world.age_clock()
        with contextlib.suppress(NotReadYet, ReadingFailed):
            visits = [visit for visit in self._rounds.latest_reading().value.visits.values() if view in visit.lines]
            lines = list(itertools.chain.from_iterable(visit.lines[view] for visit in visits))
            return Reading(lines, min((visit.at for visit in visits), default=now))
        return Reading([], now)

    def latest_round(self) -> Reading[Round]:
        """Return the newest round and the time of its oldest visit; raises as Background.latest_reading does."""
        reading = self._rounds.latest_reading()
        return Reading(reading.value, min((visit.at for visit in reading.value.visits.values()), default=reading.at))

    def close(self) -> None:
        """End the rounds."""
        self._rounds.close()

    def _visit_due(self) -> Round:
        """Visit the databases whose newest visit is as old as the interval, within the limit, the oldest first."""
        if not self._gathered:
            time.sleep(_GATHERING_SECONDS)
            self._gathered = True
        wanted = list(self._wanted)
        rows = self._server.run_query(lambda _: _NAMES).rows
        encoded = {name: written for name, written in rows if self._choice.is_shown(name)}
        now = self._world.age_clock()
        cycle = max(self._seconds, self._limit.cycle_seconds(len(encoded)))
        visits = {
            name: visit
            for name in encoded
            if (visit := self._visits.get(name)) and visit.at > now - _MISSED_VISITS * cycle
        }
        due_at = now - self._seconds + self._round_seconds / 2  # a visit in the middle of a round is due in the next
        due = [name for name in encoded if name not in visits or visits[name].at <= due_at]
        due.sort(key=lambda name: visits[name].at if name in visits else -math.inf)
        for name in due[: self._limit.available(now)]:
            if self._rounds.is_closing:
                break
            self._limit.take()
            visits[name] = self._visit_database(name, encoded[name], wanted)
        self._visits = {name: visits[name] for name in encoded if name in visits}
        return Round(self._visits)

    def _visit_database(self, name: str, encoded: bytes, wanted: list[View]) -> Visit:
        """Return the lines of each view of a database, or why it cannot be visited; never raises."""
        at = self._world.age_clock()
        lines: dict[View, list[Lines]] = {}
        failure = ""
        try:
            _check_name(name, encoded)
            lines.update(self._read_views(name, wanted))  # what was read before a fault is kept
        except Exception as fault:  # noqa: BLE001 - a database must not prevent visits to the others
            failure = fault.reason if isinstance(fault, ServerDown) else type(fault).__name__
        self._log_change(name, failure)
        return Visit(at, lines, failure)

    def _read_views(self, name: str, wanted: list[View]) -> Iterator[tuple[View, list[Lines]]]:
        """Yield the lines of each view of a database; a view without data is left out."""
        with self._server.visit_database(name) as link:
            ends = time.monotonic() + _VISIT_SECONDS
            for view in wanted:
                if time.monotonic() > ends:
                    raise ServerDown("too slow")
                try:
                    rows = link.run_statement(view.build_query(link.version))
                except NoData:
                    continue
                yield view, view.render_rows(self._server.name, link.version, rows)

    def _log_change(self, name: str, reason: str) -> None:
        """Log when a database cannot be visited, and when it can be visited again."""
        before = self._visits[name].failure if name in self._visits else ""
        if reason and reason != before:
            log.warning("database %s of PostgreSQL server %s cannot be visited: %s", name, self._server.name, reason)
        elif before and not reason:
            log.info("database %s of PostgreSQL server %s can be visited again", name, self._server.name)


class VisitLimit:
    """A number of visits per minute; what is not used in one minute is not saved for later ones."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._per_minute = per_minute
        self._available = float(per_minute)
        self._at = now

    def cycle_seconds(self, databases: int) -> float:
        """Return how long visits to this many databases take."""
        return 60.0 * databases / self._per_minute

    def available(self, now: float) -> int:
        """Return how many visits are allowed at this time, in seconds of any clock that never steps back."""
        earned = (now - self._at) * self._per_minute / 60.0
        self._available, self._at = min(self._per_minute, self._available + earned), now
        return int(self._available + _ROUNDING)

    def take(self) -> None:
        """Count a visit."""
        self._available -= 1


def _check_name(name: str, encoded: bytes) -> None:
    """Raise ServerDown for a name in another encoding, which cannot be written into a connection string."""
    if name.encode() != encoded:
        raise ServerDown("its name is not in UTF-8")
