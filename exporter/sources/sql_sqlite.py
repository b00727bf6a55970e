"""Queries of SQLite files, opened read-only for each query, so that a file may be replaced at any time.

https://www.sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deckwatch.exporter.sources.source_failures import (
    DatabaseDown,
    QueryFailed,
    QueryRefused,
    QueryTimeout,
    WriteRefused,
)
from deckwatch.exporter.sources.sql import Query, Rows
from deckwatch.exporter.sources.sql_statement import WATERMARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.world import World

_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_STEPS = 10_000  # of SQLite's virtual machine between two looks at the clock
_LOCK_SECONDS = 2.0  # how long a query waits for a writer that has locked the file
_MAX_VALUE_BYTES = 1 << 20  # of one text or row


def open_database(_world: World, entry: Mapping[str, Any]) -> SqliteDatabase:
    """Return the database in a file."""
    return SqliteDatabase(entry["sqlite_file"])


class SqliteDatabase:
    """A file with a database."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def excess(self) -> str:
        """Whether this process may write to the file."""
        return "may write to the file" if os.access(self._path, os.W_OK) else ""

    def read_rows(self, query: Query) -> Rows:
        """Run a query; raises SourceFailure."""
        deadline = time.monotonic() + query.seconds
        refused: list[int] = []

        def authorize(action: int, *_: object) -> int:
            if action in _ALLOWED:
                return sqlite3.SQLITE_OK
            refused.append(action)
            return sqlite3.SQLITE_DENY

        try:
            with closing(self._open_database(query.seconds)) as connection:
                connection.set_authorizer(authorize)
                connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
                cursor = connection.execute(query.sql, {WATERMARK: query.watermark})
                rows = cursor.fetchmany(query.max_rows + 1)
                columns = tuple(column[0] for column in cursor.description or ())
        except sqlite3.Error as fault:
            if refused:
                raise WriteRefused("the query does more than read tables, which is refused") from None
            if time.monotonic() > deadline:
                raise QueryTimeout(f"no result within {query.seconds:g} s") from None
            raise _explain_error(fault) from None
        return Rows(columns, rows[: query.max_rows], len(rows) > query.max_rows)

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    def _open_database(self, seconds: float) -> sqlite3.Connection:
        """Open the file; anything but a regular file could block for ever, or is none."""
        try:
            if not stat.S_ISREG(os.stat(self._path).st_mode):  # noqa: PTH116 - a text, as it comes from the configuration
                raise DatabaseDown(f"{self._path} is not a regular file")
        except OSError as fault:
            raise DatabaseDown(f"{self._path}: {fault.strerror}") from None
        address = f"file:{quote(self._path)}?mode=ro"
        connection = sqlite3.connect(
            address, uri=True, timeout=min(seconds, _LOCK_SECONDS), isolation_level=None, check_same_thread=False
        )
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
        connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
        return connection


def _explain_error(fault: sqlite3.Error) -> Exception:
    """Return the failure for an error of SQLite, whose text holds no values of rows."""
    code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR):
        return DatabaseDown(f"{fault}")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return QueryFailed(f"{fault}: another program writes to it")
    if code == sqlite3.SQLITE_READONLY:
        return WriteRefused("the query writes")
    if code == sqlite3.SQLITE_ERROR or isinstance(fault, sqlite3.ProgrammingError):
        return QueryRefused(f"{fault}")
    return QueryFailed(f"{fault}")
