"""Queries of a server in `watch: postgres:`, over connections of their own: a slow one delays no statistics.

The role, the connection string and the limits are those of the server; the database may be another one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.postgres import configured_servers
from deckwatch.exporter.sources.postgres_dsn import ServerDown
from deckwatch.exporter.sources.postgres_failures import LOST, NO_STATEMENT
from deckwatch.exporter.sources.source_failures import (
    DatabaseDown,
    NotANumber,
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

    from deckwatch.exporter.sources.postgres import Server
    from deckwatch.exporter.sources.postgres_link import Link
    from deckwatch.exporter.world import World

_RIGHTS_SECONDS = 300.0  # between two looks at what the role may do
_RIGHTS_QUERY_SECONDS = 2.0

# Tables that the role may change: granted to it, to a role that it has or to everybody, or as their owner.
_WRITABLE = """
    SELECT count(*), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
    AND has_schema_privilege(pg_namespace.oid, 'USAGE')
    AND has_table_privilege(pg_class.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
"""


def open_database(world: World, entry: Mapping[str, Any]) -> PostgresDatabase:
    """Return a database of a configured server."""
    return PostgresDatabase(configured_servers(world)[entry["postgres"]], entry.get("database", ""))


class PostgresDatabase:
    """One database of a server; the connection string's own where the name is empty."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._sessions: SessionPool[Link] = SessionPool(self)
        self._excess: str | None = None
        self._rights_at = 0.0
        self._rights_lock = threading.Lock()

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

    def open_session(self) -> Link:
        """Connect; raises DatabaseDown."""
        try:
            link = self._server.open_session(self._name)
        except ServerDown as fault:
            raise DatabaseDown(fault.reason) from None
        link.decode_leniently()
        return link

    def is_open(self, link: Link) -> bool:
        """Whether another query can be run on the connection."""
        return not link.is_closed

    def close_session(self, link: Link) -> None:
        """Close the connection."""
        link.close()

    def run_query(self, link: Link, query: Query) -> Rows:
        """Run a query, and look at what the role may do if that is long ago; raises SourceFailure."""
        rows = self._run_statement(link, query)
        self._refresh_rights(link)
        return rows

    def _run_statement(self, link: Link, query: Query) -> Rows:
        from deckwatch.exporter.sources.postgres_link import Error, Lost, Silent  # noqa: PLC0415 - psycopg, only where configured

        sql = without_end(query.sql)
        parameters = None
        if query.watermark is not None:
            sql, parameters = to_percent_style(sql), {WATERMARK: query.watermark}
        try:
            columns, rows = link.run_query(sql, parameters, seconds=query.seconds, max_rows=query.max_rows + 1)
        except Silent:
            self._server.note_hanging(link)
            raise QueryTimeout(NO_STATEMENT) from None
        except Lost:
            raise DatabaseDown(LOST) from None
        except Error as fault:
            raise _explain_error(fault, query.seconds) from None
        return Rows(tuple(columns), rows[: query.max_rows], len(rows) > query.max_rows)

    def _refresh_rights(self, link: Link) -> None:
        """Look what the role may do, if that is long ago; a server that refuses this answers queries all the same."""
        with self._rights_lock:  # a query that ends during the look waits for it, rather than be shown without rights
            if time.monotonic() - self._rights_at < _RIGHTS_SECONDS and self._rights_at:
                return
            with contextlib.suppress(SourceFailure):
                ((tables, is_superuser),) = self._run_statement(link, Query(_WRITABLE, _RIGHTS_QUERY_SECONDS, 1)).rows
                tables_text = f"may write to {tables} table{'' if tables == 1 else 's'}" if tables else ""
                self._excess = "is a superuser" if is_superuser else tables_text
            self._rights_at = time.monotonic()


def _explain_error(fault: Any, seconds: float) -> SourceFailure:
    """Return the failure for an error of PostgreSQL.

    Only messages about the statement itself are repeated (class 42 and 0A of
    https://www.postgresql.org/docs/current/errcodes-appendix.html): others can contain values of rows.
    """
    state = fault.sqlstate or ""
    text = fault.diag.message_primary or type(fault).__name__
    if state == "57014":
        return QueryTimeout(f"no result within {seconds:g} s")
    if state in ("25001", "25006") or "data-modifying" in text:
        return WriteRefused("the query writes")
    if state == "55P03":
        return QueryFailed("another session has locked what it reads")
    if state[:2] in ("42", "0A"):
        return QueryRefused(text)
    if not state and type(fault).__name__ == "DataError":  # of the driver, for a value such as the time `infinity`
        return NotANumber("a value has no equivalent in Python, such as an infinite time or a year after 9999")
    return QueryFailed(f"{type(fault).__name__} (SQLSTATE {state})" if state else type(fault).__name__)
