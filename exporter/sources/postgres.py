"""PostgreSQL servers: a persistent connection to each, shared by its collectors, reopened in the background.

Guarantees for the server: at most `MAX_CONNECTIONS` at any time, no transaction left open, no statement over its limits
(`postgres_link`). For the page: a server that is down delays it at most once, and shortly.
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
from deckwatch.exporter.sources.postgres_dsn import ServerDown
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from deckwatch.exporter.sources.postgres_link import Link
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.postgres")

MAX_CONNECTIONS = 3  # one in use, and up to two whose server processes hang
_PATIENCE_SECONDS = 2.0  # maximum time that a page waits for a pending connection
_TURN_SECONDS = 4.0  # how long a collector waits for the others of its server
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
    """A server. `dsn` is called at every connect, so that the file of a secret may change."""

    def __init__(self, name: str, dsn: Callable[[], str], slow_seconds: float = 1.0) -> None:
        self.name = name
        self.slow_seconds = slow_seconds
        self._dsn = dsn
        self._turn = threading.Lock()
        self._link: Link | None = None
        self._attempt: _ConnectAttempt | None = None
        self._hanging: set[tuple[int, str]] = set()  # server processes that were left without an answer
        self.rights: tuple[str, ...] = ()  # of the role, beyond reading statistics
        self._rights_at = 0.0
        self._reason = ""
        self._down_since = 0.0  # a time of the monotonic clock; of use only with a reason
        self._pause = _FIRST_PAUSE_SECONDS
        self._retry_at = 0.0

    def run_query(self, sql: Callable[[int], str]) -> QueryResult:
        """Run the statement that `sql` makes for the server's version.

        Raises ServerDown, Busy, NoData where the role lacks a right, or an error whose class says why the server
        refused.
        """
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            raise Busy(self.name)
        try:
            return self._run_on_link(sql, again=True)
        finally:
            self._turn.release()

    def refresh_rights(self) -> None:
        """Refresh `rights` if they are older than half a minute; keep them if the query fails."""
        from deckwatch.exporter.sources.postgres_link import RIGHTS  # noqa: PLC0415 - psycopg, only where configured

        if time.monotonic() - self._rights_at > _RIGHTS_SECONDS:
            self._rights_at = time.monotonic()
            with contextlib.suppress(Exception):  # that the server answers is known, and matters more
                self._record_rights(tuple(right for (right,) in self.run_query(lambda _: RIGHTS).rows))

    def _record_rights(self, rights: tuple[str, ...]) -> None:
        if rights and rights != self.rights:
            excess = " and ".join(rights)
            log.warning("PostgreSQL server %s: the role %s; give it pg_monitor and nothing else", self.name, excess)
        self.rights, self._rights_at = rights, time.monotonic()

    def _run_on_link(self, sql: Callable[[int], str], *, again: bool) -> QueryResult:
        from deckwatch.exporter.sources.postgres_link import Lost, Silent  # noqa: PLC0415 - psycopg, only where configured

        link = self._open_link()
        try:
            return QueryResult(link.version, link.run_statement(sql(link.version)))
        except Silent:
            self._hanging.add(link.backend)
            self._mark_down("silent")
        except Lost:
            self._link = None
            if again:  # the server was restarted since the last scrape
                return self._run_on_link(sql, again=False)
            self._mark_down("connection lost")
        raise ServerDown(self._reason)

    def _open_link(self) -> Link:
        """Return the open connection; raises ServerDown at once between attempts to connect."""
        if self._link is not None:
            return self._link
        now = time.monotonic()
        if self._attempt is None:
            if now < self._retry_at:
                raise ServerDown(self._reason)
            self._attempt = _ConnectAttempt(self._dsn, self._hanging)
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

    @contextlib.contextmanager
    def visit_database(self, database: str) -> Iterator[Link]:
        """Give a connection to another database of the server, which is closed at the end; never two at once.

        Raises ServerDown if there is none, or if the server stops answering on it.
        """
        from deckwatch.exporter.sources.postgres_link import Lost, Silent  # noqa: PLC0415 - psycopg, only where configured

        link = _open_connection(self._dsn, self._hanging, database)
        try:
            yield link
        except Silent:
            self._hanging.add(link.backend)
            raise ServerDown("silent") from None
        except Lost:
            raise ServerDown("connection lost") from None
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
            return None
        named = reason.startswith(postgres_dsn.LOCATION_PREFIXES)
        return HealthReason("no connection string" if named else reason, time.monotonic() - self._down_since)

    def close(self) -> None:
        """Close the connection, and a pending one as soon as it is established."""
        if self._attempt is not None:
            self._attempt.abandon()
        if self._link is not None:
            self._link.close()


class _ConnectAttempt:
    """One attempt to connect, on a daemon thread: a name server or a handshake can hang for long."""

    def __init__(self, dsn: Callable[[], str], hanging: set[tuple[int, str]]) -> None:
        self.started = time.monotonic()
        self.done = threading.Event()
        self.link: Link | None = None
        self.rights: tuple[str, ...] = ()
        self.reason = ""
        self._abandoned = False
        self._lock = threading.Lock()
        self._dsn = dsn
        self._hanging = frozenset(hanging)
        threading.Thread(target=self._connect, name="postgres-connect", daemon=True).start()

    def _connect(self) -> None:
        link = None
        try:
            link = _open_connection(self._dsn, self._hanging)
            self.rights = tuple(link.read_rights())
        except Exception as fault:  # noqa: BLE001 - whatever it is, the waiting page must hear of it
            self.reason = str(fault) if isinstance(fault, ServerDown) else type(fault).__name__
        with self._lock:
            if self._abandoned and link is not None:
                link.close()
            else:
                self.link = link
            self.done.set()

    def abandon(self) -> None:
        """Close the connection that the attempt has opened or will open."""
        with self._lock:
            self._abandoned = True
            if self.link is not None:
                self.link.close()


def _open_connection(dsn: Callable[[], str], hanging: Collection[tuple[int, str]], database: str = "") -> Link:
    """Return a new connection; raises ServerDown, also where too many server processes hang that once were ours."""
    from deckwatch.exporter.sources.postgres_link import open_link  # noqa: PLC0415 - psycopg, only where configured

    link = open_link(dsn(), database)
    if len(link.sessions.intersection(hanging)) >= MAX_CONNECTIONS - 1:
        link.close()
        raise ServerDown("processes of earlier connections hang")
    return link
