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
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo

from deckwatch.exporter.sources.postgres_dsn import ServerDown
from deckwatch.exporter.sources.postgres_failures import MALFORMED, TIMED_OUT, describe_failure
from deckwatch.exporter.world import NoData, NotSupported

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from psycopg.abc import Buffer, PQGen

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
# For a query that a user wrote: several messages, so the transaction and its limits are set up before it.
_QUERY_LIMITS = (
    "BEGIN READ ONLY;"
    "SET LOCAL statement_timeout = {0};SET LOCAL idle_in_transaction_session_timeout = {0};"
    f"SET LOCAL lock_timeout = {_LOCK_SECONDS * 1000:.0f};"
)
_DEADLINE_MARGIN_SECONDS = 0.5  # between the server's limit of such a query and ours

# The function behind pg_stat_activity, which unlike the view locks no catalogue.
_SESSIONS = """
    SELECT pid, extract(epoch FROM backend_start)::text, pid = pg_backend_pid()
    FROM pg_stat_get_activity(NULL) WHERE backend_start IS NOT NULL
"""

# Privileges that reading statistics does not need, and as NULL the lack of the one without which PostgreSQL hides the
# sessions and statements of others; empty for a role with pg_monitor only.
RIGHTS = """
    SELECT NULL FROM pg_roles WHERE rolname = 'pg_read_all_stats' AND NOT pg_has_role(oid, 'USAGE')
    UNION ALL
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
    WHERE relacl IS NOT NULL AND grantee = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') HAVING count(*) > 0
"""

# An extension need not be in `public`, which everybody may use. In other languages than English this is not seen.
_SCHEMA_DENIED = re.compile("permission denied for schema (.+)")

Error = psycopg.Error

# Leaves bytes as the server has them, for a database without an encoding or a name in that of another database.
_UNENCODED = "SQL_ASCII"
_UNCONVERTED = f"SET LOCAL client_encoding = '{_UNENCODED}';"
_TEXT_TYPES = ("text", "name", "varchar", "bpchar", '"char"')


class _LenientText(Loader):
    """Decodes UTF-8 with escapes for other bytes, so that two names stay two."""

    def load(self, data: Buffer) -> str:
        """Return the text."""
        return bytes(data).decode("utf-8", "backslashreplace")


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
        self._encoding = ""  # a statement before each that chooses the encoding of the rows
        self.version = connection.info.server_version  # 150018 for 15.18
        sessions = self.run_statement(_SESSIONS)
        self.backend = next((pid, start) for pid, start, own in sessions if own)
        self.sessions = {(pid, start) for pid, start, own in sessions if not own}

    @property
    def is_closed(self) -> bool:
        """Whether the connection broke or was closed."""
        return self._connection.closed

    def read_rights(self) -> list[Row]:
        """Return the rows of RIGHTS; none where the server refuses the statement. Raises Lost and Silent."""
        try:
            return self.run_statement(RIGHTS)
        except (NoData, psycopg.Error):  # some services lack a catalogue; that must not cost the connection
            return []

    def run_statement(self, sql: str) -> list[Row]:
        r"""Run one statement in a separate read-only transaction and return its rows.

        Raises Lost when the connection broke or the server stayed silent, NoData where the role lacks a right or the
        server does not support what is read, and psycopg's errors, whose class names the fault (`LockNotAvailable`,
        `QueryCanceled`), for the rest. Bytes that are no text in UTF-8 are returned as escapes, such as `caf\xe9`.
        """
        try:
            return self._run(_LIMITS + self._encoding + sql)
        except UnicodeDecodeError:
            # Names of databases and roles are in the encoding of the database in which they were created.
            self.decode_leniently()
            return self._run(_LIMITS + self._encoding + sql)
        except (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter):
            self.decode_leniently()
            if self._connection.info.parameter_status("server_encoding") == _UNENCODED:
                self._encoding = _UNCONVERTED
            return self._run(_LIMITS + _UNCONVERTED + sql)

    def run_query(
        self, sql: str, parameters: Mapping[str, object] | None, *, seconds: float, max_rows: int
    ) -> tuple[list[str], list[Row]]:
        """Run one SELECT that a user wrote, in a read-only transaction; return its columns and at most `max_rows` rows.

        A cursor is declared for it, which PostgreSQL accepts for a single query without side effects only, and which
        yields no more rows than are fetched. `parameters` are for `%(name)s`; without them % is a plain character.
        Raises Lost, Silent and psycopg's errors.
        """
        self._connection.deadline = time.monotonic() + seconds + _DEADLINE_MARGIN_SECONDS
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(_QUERY_LIMITS.format(f"{seconds * 1000:.0f}").encode())
                # `binary` selects the protocol that accepts one statement only; a declaration has no result anyway.
                cursor.execute(f"DECLARE deckwatch CURSOR FOR {sql}".encode(), parameters, binary=True)
                cursor.execute(f"FETCH {max_rows} FROM deckwatch; ROLLBACK".encode())
                columns = [column.name for column in cursor.description or ()]
                rows = cursor.fetchall()
        except Silent:
            self.close()
            raise
        except psycopg.Error as fault:
            if not self._connection.closed and not (fault.sqlstate or "").startswith("57P"):
                self._roll_back()
                raise
            self.close()
            raise Lost from None
        return columns, rows

    def _roll_back(self) -> None:
        """End a transaction that failed, or the connection where that fails too."""
        self._connection.deadline = time.monotonic() + _DEADLINE_SECONDS
        try:
            self._connection.rollback()
        except (Silent, psycopg.Error):
            self.close()

    def decode_leniently(self) -> None:
        """Return bytes that are no text in UTF-8 as escapes."""
        for name in _TEXT_TYPES:
            self._connection.adapters.register_loader(name, _LenientText)

    def _run(self, statements: str) -> list[Row]:
        """Run statements in one message, and return the rows of the last."""
        self._connection.deadline = time.monotonic() + _DEADLINE_SECONDS
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statements.encode())
                while cursor.nextset():
                    pass
                return cursor.fetchall()
        except errors.FeatureNotSupported:  # managed services reject some functions of PostgreSQL
            raise NotSupported("the server does not support what this reads (feature_not_supported)") from None
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
        reason = MALFORMED if isinstance(fault, psycopg.ProgrammingError) else describe_failure(str(fault))
    except Lost:
        reason = TIMED_OUT
    if connection is not None:
        connection.close()
    # Raised outside of the `except`, so that it does not carry psycopg's text along.
    raise ServerDown(reason)
