"""PostgreSQL servers: a persistent connection to each, shared by its collectors, reopened in the background.

Guarantees for the server: at most `MAX_CONNECTIONS` (`postgres_connect`) at any time for its own collectors, no
transaction left open, no statement over its limits (`postgres_link`). For the page: a server that is down delays it at
most once, and shortly.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core import units
from deckwatch.exporter.health_reason import HealthReason
from deckwatch.exporter.sources import postgres_dsn
from deckwatch.exporter.sources.postgres_connect import ConnectAttempt, open_connection
from deckwatch.exporter.sources.postgres_dsn import ServerDown
from deckwatch.exporter.sources.postgres_failures import LOST, NO_STATEMENT
from deckwatch.exporter.world import NoData, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from deckwatch.exporter.sources.postgres_link import Link
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.postgres")

_PATIENCE_SECONDS = 2.0  # maximum time that a page waits for a pending connection
_TURN_SECONDS = 4.0  # how long a collector waits for the others of its server
_UP_TURN_SECONDS = 6.0  # how long pg_up waits for them: with the longest statement, 3 s, just within a page of 9.5 s
_FIRST_PAUSE_SECONDS = 1.0
_MAX_PAUSE_SECONDS = 15.0
_RIGHTS_SECONDS = 30.0  # interval between checks of the role's privileges
_SLOW_QUERY = "1s"  # default of the configuration

Row = tuple[Any, ...]


class Busy(Exception):
    """Other collectors of this server held the connection for too long."""


class QueryResult(NamedTuple):
    """A statement's rows, and the version of the server they come from (150018 for 15.18)."""

    version: int
    rows: list[Row]


class Servers(Source):
    """The configured servers by name; a Source of the World, whose `config["postgres"]` lists them."""

    def __init__(self, world: World) -> None:
        entries = world.config.get("postgres") or []
        self.by_name = {
            entry["name"]: Server(
                entry["name"],
                partial(postgres_dsn.read_dsn, entry),
                units.parse_duration(entry.get("slow_query", _SLOW_QUERY)),
                entry.get("elsewhere", ""),
            )
            for entry in entries
        }
        if not entries:
            log.info("no PostgreSQL server is configured (watch: postgres: in deckwatch.yaml)")

    def close(self) -> None:
        """Close every connection."""
        for server in self.by_name.values():
            server.close()


def configured_servers(world: World) -> Mapping[str, Server]:
    """Return the configured servers by name: the subjects of every PostgreSQL collector."""
    return world.source(Servers).by_name


class Server:
    """A server. `dsn` is called at every connect: a secret may change. `elsewhere` says which other host reads it."""

    def __init__(self, name: str, dsn: Callable[[], str], slow_seconds: float = 1.0, elsewhere: str = "") -> None:
        self.name = name
        self.elsewhere = elsewhere
        self.slow_seconds = slow_seconds
        self._dsn = dsn
        self._turn = threading.Lock()
        self._link: Link | None = None
        self._attempt: ConnectAttempt | None = None
        self._hanging: set[tuple[int, str]] = set()  # server processes that were left without an answer
        self.rights: tuple[str, ...] = ()  # of the role, beyond reading statistics
        self.lacks_monitor = False  # whether PostgreSQL hides the sessions and statements of others from the role
        self._rights_at = 0.0
        self._reason = ""
        self._down_since = 0.0  # a time of the monotonic clock; of use only with a reason
        self._unusable: HealthReason | None = None  # connected, and the time since which it does not answer
        self._pause = _FIRST_PAUSE_SECONDS
        self._retry_at = 0.0

    def run_query(
        self, sql: Callable[[int], str], *, needs_monitor: bool = False, turn_seconds: float = _TURN_SECONDS
    ) -> QueryResult:
        """Run the statement that `sql` makes for the server's version.

        `needs_monitor` marks a statement whose rows PostgreSQL silently empties for a role without pg_monitor.
        Raises ServerDown, Busy, NoData where the role lacks a right, or an error whose class says why the server
        refused.
        """
        if not self._turn.acquire(timeout=turn_seconds):
            raise Busy(self.name)
        try:
            return self._run_on_link(sql, needs_monitor=needs_monitor, again=True)
        finally:
            self._turn.release()

    def ask_if_up(self, sql: Callable[[int], str]) -> QueryResult:
        """Run a statement that a healthy server answers at once; every failure is a ServerDown."""
        from deckwatch.exporter.sources.postgres_link import Error  # noqa: PLC0415 - psycopg, only where configured

        try:
            result = self.run_query(sql, turn_seconds=_UP_TURN_SECONDS)
        except Busy:
            reason = f"no turn within {_UP_TURN_SECONDS:g} s; its statements are slow, or this machine is busy"
        except (NoData, Error) as fault:
            reason = f"the server refuses statements ({type(fault).__name__}); read its log"
        else:
            self._unusable = None
            return result
        if self._unusable is None or self._unusable.reason != reason:
            log.warning("PostgreSQL server %s cannot be read: %s", self.name, reason)
            self._unusable = HealthReason(reason, time.monotonic())
        raise ServerDown(reason)

    def refresh_rights(self) -> None:
        """Refresh `rights` if they are older than half a minute; keep them if the query fails."""
        from deckwatch.exporter.sources.postgres_link import RIGHTS  # noqa: PLC0415 - psycopg, only where configured

        if time.monotonic() - self._rights_at > _RIGHTS_SECONDS:
            self._rights_at = time.monotonic()
            with contextlib.suppress(Exception):  # that the server answers is known, and matters more
                self._record_rights(self.run_query(lambda _: RIGHTS).rows)

    def _record_rights(self, rows: Collection[Row]) -> None:
        rights = tuple(right for (right,) in rows if right is not None)
        if rights and rights != self.rights:
            excess = " and ".join(rights)
            log.warning("PostgreSQL server %s: the role %s; give it pg_monitor and nothing else", self.name, excess)
        lacks_monitor = any(right is None for (right,) in rows)
        if lacks_monitor and not self.lacks_monitor:
            log.warning(
                "PostgreSQL server %s hides sessions, statements and replicas from the role; GRANT pg_monitor to it",
                self.name,
            )
        self.rights, self.lacks_monitor, self._rights_at = rights, lacks_monitor, time.monotonic()

    def _run_on_link(self, sql: Callable[[int], str], *, needs_monitor: bool, again: bool) -> QueryResult:
        from deckwatch.exporter.sources.postgres_link import Lost, Silent  # noqa: PLC0415 - psycopg, only where configured

        link = self._open_link()
        if needs_monitor and self.lacks_monitor:
            raise NoData("PostgreSQL hides this from the role; GRANT pg_monitor to it")
        try:
            return QueryResult(link.version, link.run_statement(sql(link.version)))
        except Silent:
            self._hanging.add(link.backend)
            self._mark_down(NO_STATEMENT)
        except Lost:
            self._link = None
            if again:  # the server was restarted since the last scrape
                return self._run_on_link(sql, needs_monitor=needs_monitor, again=False)
            self._mark_down(LOST)
        raise ServerDown(self._reason)

    def _open_link(self) -> Link:
        """Return the open connection; raises ServerDown at once between attempts to connect."""
        if self._link is not None:
            return self._link
        now = time.monotonic()
        if self._attempt is None:
            if now < self._retry_at:
                raise ServerDown(self._reason)
            self._attempt = ConnectAttempt(self._dsn, self._hanging)
        if not self._attempt.done.wait(max(0.0, self._attempt.started + _PATIENCE_SECONDS - now)):
            raise ServerDown("no answer yet")
        attempt, self._attempt = self._attempt, None
        if attempt.link is None:
            self._mark_down(attempt.reason)
            raise ServerDown(attempt.reason)
        if self._reason:
            log.info("PostgreSQL server %s answers again", self.name)
        self._hanging &= attempt.link.sessions
        self._record_rights(attempt.rights)
        self._link, self._reason, self._pause = attempt.link, "", _FIRST_PAUSE_SECONDS
        return attempt.link

    def open_session(self, database: str = "") -> Link:
        """Return a new connection, to another database of the server if one is named; raises ServerDown, not logged."""
        try:
            return open_connection(self._dsn, self._hanging, database)
        except ServerDown as fault:
            fault.logged = False
            raise

    def note_hanging(self, link: Link) -> None:
        """Count the server process of a connection that got no answer and was closed."""
        self._hanging.add(link.backend)

    @contextlib.contextmanager
    def visit_database(self, database: str) -> Iterator[Link]:
        """Give a connection to another database of the server, which is closed at the end; never two at once.

        Raises ServerDown if there is none, or if the server stops answering on it.
        """
        from deckwatch.exporter.sources.postgres_link import Lost, Silent  # noqa: PLC0415 - psycopg, only where configured

        link = self.open_session(database)
        try:
            yield link
        except Silent:
            self.note_hanging(link)
            raise ServerDown(NO_STATEMENT) from None
        except Lost:
            raise ServerDown(LOST) from None
        finally:
            link.close()

    def _mark_down(self, reason: str) -> None:
        """Note that the server cannot be used, and when to try again."""
        if reason != self._reason:
            log.warning("PostgreSQL server %s cannot be read: %s", self.name, reason)
        if not self._reason:
            self._down_since = time.monotonic()
        self._link, self._reason = None, reason
        self._retry_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _MAX_PAUSE_SECONDS)

    def health_reason(self, _world: World) -> HealthReason | None:
        """Return why the server cannot be read; a file's or a variable's name stays in the log."""
        reason = self._reason
        if not reason:
            unusable = self._unusable
            return unusable and unusable._replace(seconds=time.monotonic() - unusable.seconds)
        named = reason.startswith(postgres_dsn.LOCATION_PREFIXES)
        return HealthReason("no connection string" if named else reason, time.monotonic() - self._down_since)

    def limitation(self, _world: World) -> str:
        """Return the values that a server that is up hides; empty if none."""
        return "its role lacks pg_monitor" if self.lacks_monitor else ""

    def close(self) -> None:
        """Close the connection, and a pending one as soon as it is established."""
        if self._attempt is not None:
            self._attempt.abandon()
        if self._link is not None:
            self._link.close()
