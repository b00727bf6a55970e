"""One connection to PostgreSQL whose every wait has a deadline. The only file that knows psycopg.

A server process that is stopped (SIGSTOP, a hung disk) still acknowledges TCP, so that `statement_timeout`,
`tcp_user_timeout` and keepalives all wait forever. Therefore the client checks its own clock while it waits.
"""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo

from deckwatch.exporter.sources.postgres_dsn import ServerDown
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Generator

    from psycopg.abc import PQGen

RV = TypeVar("RV")
Row = tuple[Any, ...]

_INTERVAL_SECONDS = 0.05  # how often a wait looks at the clock
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 2.5
_LOCK_SECONDS = 0.1  # others that want the same lock queue behind us for this long
_DEADLINE_SECONDS = 3.0  # of the client: above the server's own limits, which end a statement more gently

# One message, so one transaction that the server ends by itself: nothing can stay open, whatever becomes of us, and
# a pooler in transaction mode keeps the limits and the statement together.
_LIMITS = (
    "SET TRANSACTION READ ONLY;"
    "SET LOCAL application_name = 'deckwatch';"
    f"SET LOCAL statement_timeout = {_STATEMENT_SECONDS * 1000:.0f};"
    f"SET LOCAL lock_timeout = {_LOCK_SECONDS * 1000:.0f};"
    f"SET LOCAL idle_in_transaction_session_timeout = {_DEADLINE_SECONDS * 1000:.0f};"
)
# The function behind pg_stat_activity, which unlike the view locks no catalogue.
_SESSIONS = """
    SELECT pid, extract(epoch FROM backend_start)::text, pid = pg_backend_pid()
    FROM pg_stat_get_activity(NULL) WHERE backend_start IS NOT NULL
"""

# Privileges that reading statistics does not need; empty for a role with pg_monitor only.
RIGHTS = """
    SELECT 'is a superuser' FROM pg_roles WHERE rolname = current_user AND rolsuper
    UNION ALL
    SELECT 'may create databases or roles' FROM pg_roles
    WHERE rolname = current_user AND NOT rolsuper AND (rolcreatedb OR rolcreaterole)
    UNION ALL
    SELECT 'has ' || rolname FROM pg_roles WHERE rolname IN (
        'pg_write_all_data', 'pg_execute_server_program', 'pg_write_server_files', 'pg_signal_backend', 'pg_checkpoint'
    ) AND pg_has_role(oid, 'USAGE') AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    UNION ALL
    SELECT 'may write to ' || count(DISTINCT pg_class.oid) || ' tables' FROM pg_class, aclexplode(relacl) AS grants
    WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') HAVING count(*) > 0
"""

# An extension need not be in `public`, which everybody may use. In other languages than English this is not seen.
_SCHEMA_DENIED = re.compile("permission denied for schema (.+)")

# libpq gives the reason for a failed connection only as text, which is searched in this order. The text itself can
# contain the connection string and is discarded.
_REASONS = (
    ("connection timeout expired", "timeout"),
    ("password", "authentication"),
    ("authentication", "authentication"),
    ("pg_hba.conf", "authentication"),
    ("too many", "too many connections"),
    ("remaining connection slots", "too many connections"),
    ("starting up", "starting"),
    ("shutting down", "stopping"),
    ("could not translate host name", "unknown host"),
    ("failed to resolve host", "unknown host"),
    ("connection refused", "refused"),
    ("no such file or directory", "refused"),
    ("does not exist", "unknown database or role"),
    ("certificate", "TLS"),
    ("ssl", "TLS"),
    ("closed the connection", "closed by the server"),
    ("no route to host", "unreachable"),
    ("unreachable", "unreachable"),
)


class Lost(Exception):
    """The connection broke: it is closed and of no more use."""


class Silent(Lost):
    """The server did not answer within the client's deadline; its process may hang for as long as it likes."""


class _Connection(psycopg.Connection[Row]):
    """A connection whose waits end at `deadline`, a time of the monotonic clock."""

    deadline = math.inf

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> RV:
        """Wait for the server as psycopg does, but raise Silent past the deadline."""
        del interval, timeout
        return super().wait(_wait_until(gen, self.deadline), _INTERVAL_SECONDS)


def _wait_until(gen: PQGen[RV], deadline: float) -> Generator[Any, Any, RV]:
    """Forward the waits of psycopg's generator, and check the deadline at each step."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if time.monotonic() > deadline:
                raise Silent
            wanted = gen.send(ready)
    except StopIteration as end:
        result: RV = end.value
        return result


class Link:
    """An open connection. `backend` is the server process behind it: its process id and start time."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.version = connection.info.server_version  # 150018 for 15.18
        sessions = self.run_statement(_SESSIONS)
        self.backend = next((pid, start) for pid, start, own in sessions if own)
        self.sessions = {(pid, start) for pid, start, own in sessions if not own}

    def read_rights(self) -> list[str]:
        """Return the excess rights of the role, as predicates of a sentence; raises as `run_statement` does."""
        return [right for (right,) in self.run_statement(RIGHTS)]

    def run_statement(self, sql: str) -> list[Row]:
        """Run one statement in a separate read-only transaction and return its rows.

        Raises Lost when the connection broke or the server stayed silent, NoData where the role lacks a right, and
        psycopg's errors, whose class names the fault (`LockNotAvailable`, `QueryCanceled`), for the rest.
        """
        self._connection.deadline = time.monotonic() + _DEADLINE_SECONDS
        try:
            with self._connection.cursor() as cursor:
                cursor.execute((_LIMITS + sql).encode())
                while cursor.nextset():
                    pass
                return cursor.fetchall()
        except errors.InsufficientPrivilege as fault:
            schema = _SCHEMA_DENIED.match(fault.diag.message_primary or "")
            missing = f'USAGE ON SCHEMA "{schema[1]}"' if schema else "pg_monitor"
            raise NoData(f"the role may not read this; GRANT {missing} to it") from None
        except Silent:
            self.close()
            raise
        except psycopg.Error as fault:
            # 57P: the server ends the session (shutdown, crash of another process, idle limits).
            if not self._connection.closed and not (fault.sqlstate or "").startswith("57P"):
                raise
            self.close()
            raise Lost from None

    def close(self) -> None:
        """Close the connection; this never waits for the server."""
        self._connection.close()


def open_link(dsn: str, database: str = "") -> Link:
    """Open a connection within a few seconds, to this database in place of the string's; raises ServerDown."""
    connection = None
    try:
        connection = _Connection.connect(
            make_conninfo(dsn, dbname=database) if database else dsn,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=_CONNECT_SECONDS,
            application_name="deckwatch",
            client_encoding="utf8",
        )
        return Link(connection)
    except psycopg.Error as fault:
        reason = _failure_reason(fault)
    except Lost:
        reason = "timeout"
    if connection is not None:
        connection.close()
    # Raised outside of the `except`, so that it does not carry psycopg's text along.
    raise ServerDown(reason)


def _failure_reason(fault: psycopg.Error) -> str:
    if isinstance(fault, psycopg.ProgrammingError):
        return "malformed connection string"
    text = str(fault).lower()
    return next((reason for words, reason in _REASONS if words in text), type(fault).__name__)
