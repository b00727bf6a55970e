"""Queries of MySQL and MariaDB, over connections of their own. The only file that knows PyMySQL.

A result is not buffered: a connection whose rows were not all fetched is closed, which ends the query.
"""

from __future__ import annotations

import ssl
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.sources.postgres_dsn import ServerDown, read_dsn
from deckwatch.exporter.sources.source_failures import (
    DatabaseDown,
    QueryFailed,
    QueryRefused,
    QueryTimeout,
    SourceFailure,
    WriteRefused,
)
from deckwatch.exporter.sources.sql import Query, Rows
from deckwatch.exporter.sources.sql_sessions import SessionPool
from deckwatch.exporter.sources.sql_statement import WATERMARK, to_percent_style, without_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.world import World

_CONNECT_SECONDS = 5
_MARGIN_SECONDS = 1.0  # between the server's limit and ours
_LOCK_SECONDS = 1
_GRANTS_SECONDS = 300.0  # between two looks at what the role may do
_MALFORMED = "malformed address; write mysql://USER:PASSWORD@HOST:PORT/DATABASE"
_READING_GRANTS = frozenset(
    (
        *("SELECT", "USAGE", "SHOW VIEW", "SHOW DATABASES", "PROCESS"),
        *("REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR"),
    )
)
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-codes/
_TIMEOUT_ERRORS = frozenset((1969, 3024, 1317))
_WRITE_ERRORS = frozenset((1792, 1290, 1836))
_STATEMENT_ERRORS = frozenset((1044, 1045, 1046, 1054, 1064, 1109, 1142, 1143, 1146, 1305, 1370))
_LOST_ERRORS = frozenset((2006, 2013, 2014, 2055, 0))


def open_database(_world: World, entry: Mapping[str, Any]) -> MysqlDatabase:
    """Return the database at an address."""
    return MysqlDatabase(entry["mysql"])


class MysqlDatabase:
    """One database of a server; its address is read at every connect, since a secret may change."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._entry = entry
        self._sessions: SessionPool[Any] = SessionPool(self)
        self._excess: str | None = None
        self._grants_at = 0.0
        self._grants_lock = threading.Lock()

    @property
    def excess(self) -> str | None:
        """What the role may do besides reading; None while that is not known."""
        return self._excess

    def read_rows(self, query: Query) -> Rows:
        """Run a query; raises SourceFailure."""
        return self._sessions.run_query(query)

    def close(self) -> None:
        """Close the connections."""
        self._sessions.close()

    def is_open(self, connection: Any) -> bool:
        """Whether another query can be run on the connection."""
        is_open: bool = connection.open
        return is_open

    def close_session(self, connection: Any) -> None:
        """Close the connection."""
        _close_socket(connection)

    def open_session(self) -> Any:
        """Connect; raises DatabaseDown."""
        import pymysql  # noqa: PLC0415 - only where such a database is configured

        try:
            address = read_dsn(self._entry)
        except ServerDown as fault:
            raise DatabaseDown(fault.reason) from None
        try:
            return pymysql.connect(**_connect_options(address))
        except ValueError:
            raise DatabaseDown(_MALFORMED) from None
        except pymysql.MySQLError as fault:
            code = fault.args[0] if fault.args and isinstance(fault.args[0], int) else 0
            reason = _CONNECT_REASONS.get(code) or safe_message(fault)
        except OSError as fault:
            reason = safe_message(fault)
        raise DatabaseDown(reason)  # outside of the `except`, so that it does not carry the library's text along

    def run_query(self, connection: Any, query: Query) -> Rows:
        """Run a query, and look at what the role may do if that is long ago; raises SourceFailure."""
        import pymysql  # noqa: PLC0415 - only where such a database is configured
        from pymysql.cursors import SSCursor  # noqa: PLC0415

        sql = without_end(query.sql, is_mysql=True)
        parameters = None
        if query.watermark is not None:
            sql, parameters = to_percent_style(sql, is_mysql=True), {WATERMARK: query.watermark}
        try:
            _set_limits(connection, query.seconds)
            cursor = connection.cursor(SSCursor)
            cursor.execute(sql, parameters)
            columns = tuple(column[0] for column in cursor.description or ())
            rows = list(cursor.fetchmany(query.max_rows + 1))
            is_cut = len(rows) > query.max_rows
            if is_cut:
                _close_socket(connection)
            else:
                cursor.close()
                connection.rollback()
                self._refresh_grants(connection)
        except (pymysql.MySQLError, OSError, ValueError) as fault:
            failure = _explain_error(fault, query.seconds)
            _close_socket(connection)
            raise failure from None
        return Rows(columns, rows[: query.max_rows], is_cut)

    def _refresh_grants(self, connection: Any) -> None:
        """Look what the role may do, if that is long ago."""
        with self._grants_lock:  # a query that ends during the look waits for it, rather than be shown without grants
            if self._grants_at and time.monotonic() - self._grants_at < _GRANTS_SECONDS:
                return
            self._grants_at = time.monotonic()
            with connection.cursor() as cursor:
                cursor.execute("SHOW GRANTS")
                found = {privilege for (text, *_) in cursor.fetchall() for privilege in list_privileges(text)}
            excess = sorted(found - _READING_GRANTS)
            others = f" and {len(excess) - 1} more" if excess[1:] else ""
            self._excess = f"has the privilege {excess[0]}{others}" if excess else ""


def list_privileges(grant: str) -> list[str]:
    """Return the privileges in a line of SHOW GRANTS, such as `GRANT SELECT, INSERT (a) ON shop.* TO …`."""
    if " ON " not in grant.upper():
        return []
    inside, depth, words = grant[len("GRANT ") : grant.upper().index(" ON ")], 0, [""]
    for letter in inside:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            words.append("")
        elif not depth and letter != ")":
            words[-1] += letter
    return [word.strip().upper() for word in words if word.strip()]


def _connect_options(address: str) -> dict[str, Any]:
    """Return the options of `pymysql.connect` for an address; raises ValueError."""
    parts = urlsplit(address)
    if parts.scheme not in ("mysql", "mariadb") or not (parts.hostname or "socket" in parts.query):
        raise ValueError(_MALFORMED)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    options: dict[str, Any] = {
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.lstrip("/")) or None,
        "charset": "utf8mb4",
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _CONNECT_SECONDS,
        "write_timeout": _CONNECT_SECONDS,
        "autocommit": True,
    }
    if "socket" in query:
        options["unix_socket"] = query["socket"]
    else:
        options |= {"host": parts.hostname, "port": parts.port or 3306}
    if "ssl_ca" in query or query.get("ssl") == "true":
        options["ssl"] = ssl.create_default_context(cafile=query.get("ssl_ca"))
    return options


def _set_limits(connection: Any, seconds: float) -> None:
    """Begin a read-only transaction in which the server ends a statement after so many seconds."""
    connection._read_timeout = seconds + _MARGIN_SECONDS  # noqa: SLF001 - of each read; there is no public way
    is_mariadb = "mariadb" in connection.get_server_info().lower()
    limit = f"max_statement_time = {seconds:.3f}" if is_mariadb else f"max_execution_time = {seconds * 1000:.0f}"
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION {limit}, lock_wait_timeout = {_LOCK_SECONDS}")
        cursor.execute("START TRANSACTION READ ONLY")


def _close_socket(connection: Any) -> None:
    """Close the socket without ending the session: the rest of a result would have to be read first."""
    result, connection._result = connection._result, None  # noqa: SLF001 - or its cursor would read it to the end
    if result is not None:
        result.unbuffered_active = False
    connection._force_close()  # noqa: SLF001 - close() waits


_CONNECT_REASONS = {
    1040: "too many connections; raise max_connections or close some",
    1044: "the role may not use the database; GRANT SELECT on it",
    1045: "wrong password, or no such role for this host; check both in the address",
    1049: "no such database; check its name in the address",
    1130: "the server accepts no connections of this host",
}


def _explain_error(fault: Exception, seconds: float) -> SourceFailure:
    """Return the failure for an error of the server or the connection, with messages about the statement only."""
    code = fault.args[0] if fault.args and isinstance(fault.args[0], int) else 0
    text = str(fault.args[1]) if len(fault.args) > 1 else ""
    if code in _TIMEOUT_ERRORS or isinstance(fault, TimeoutError) or "timed out" in text:
        return QueryTimeout(f"no result within {seconds:g} s")
    if code in _WRITE_ERRORS:
        return WriteRefused("the query writes")
    if code in _STATEMENT_ERRORS:
        return QueryRefused(text)
    if code in _LOST_ERRORS or isinstance(fault, OSError):
        return DatabaseDown("connection lost; read the server's log")
    return QueryFailed(f"error {code}")
