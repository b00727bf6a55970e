"""The old system, a SQLite file, and the new one, a PostgreSQL database: both hold records of datasets."""

from __future__ import annotations

import hashlib
import json
import queue
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# The numbers of the datasets of each component, as in schema.sql.
COMPONENTS = {"customers": range(1, 201), "products": range(201, 351), "suppliers": range(351, 413)}
RECORDS = 8  # of each dataset
OLD_VERSION = f"SQLite {sqlite3.sqlite_version}"
# Datasets with a name that the new system does not accept.
TOO_LONG = frozenset({40, 90, 130})
STATEMENT_TIMEOUT = "5s"
POOL_SIZE = 8
_POOL_SECONDS = 5.0


class Record(NamedTuple):
    """A record; `cents` is its value."""

    id: int
    dataset: int
    name: str
    cents: int


def calculate_checksum(records: Sequence[Record]) -> str:
    """Return the SHA-256 of records, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(records), ensure_ascii=False).encode()).hexdigest()


def find_component(dataset: int) -> str:
    """Return the component of a dataset."""
    return next(component for component, numbers in COMPONENTS.items() if dataset in numbers)


class OldSystem:
    """The records in SQLite, made at the first start."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, dataset INTEGER, name TEXT, cents INTEGER)"
            )
            connection.execute("CREATE INDEX IF NOT EXISTS records_by_dataset ON records (dataset)")
            if not connection.execute("SELECT 1 FROM records LIMIT 1").fetchone():
                connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", _make_records())

    def read_dataset(self, dataset: int) -> list[Record]:
        """Return the records of a dataset."""
        return self._select("SELECT id, dataset, name, cents FROM records WHERE dataset = ?", dataset)

    def search_name(self, prefix: str) -> list[Record]:
        """Return up to 20 records whose name starts with a text."""
        return self._select(
            "SELECT id, dataset, name, cents FROM records WHERE name LIKE ? ORDER BY id LIMIT 20", f"{prefix}%"
        )

    def write_name(self, record: int, name: str) -> None:
        """Rename a record."""
        with closing(self._connect()) as connection, connection:
            connection.execute("UPDATE records SET name = ? WHERE id = ?", (name, record))

    def _select(self, statement: str, value: object) -> list[Record]:
        with closing(self._connect()) as connection:
            return [Record(*row) for row in connection.execute(statement, (value,))]

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=5)
        connection.execute("PRAGMA synchronous = OFF")  # an example; a real system keeps the default
        return connection


class NewSystem:
    """The records in PostgreSQL, read and written over a pool of connections."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._idle: queue.LifoQueue[psycopg.Connection | None] = queue.LifoQueue()
        for _ in range(POOL_SIZE):
            self._idle.put(None)  # opened when it is needed
        with self.connection() as connection:
            self.version = f"PostgreSQL {connection.info.parameter_status('server_version')}"

    @property
    def active(self) -> int:
        """The number of connections in use."""
        return POOL_SIZE - self._idle.qsize()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lend a connection for one transaction; raises psycopg.Error, queue.Empty if all are in use."""
        connection = self._idle.get(timeout=_POOL_SECONDS)
        try:
            if connection is None:
                options = f"-c statement_timeout={STATEMENT_TIMEOUT}"
                connection = psycopg.connect(self._dsn, options=options, connect_timeout=2)
            with connection.transaction():
                yield connection
        finally:
            if connection is not None and connection.closed:
                connection = None
            self._idle.put(connection)

    def close(self) -> None:
        """Close the idle connections."""
        while not self._idle.empty():
            if connection := self._idle.get_nowait():
                connection.close()

    def read_dataset(self, dataset: int) -> list[Record]:
        """Return the records of a dataset."""
        return self._select("SELECT id, dataset, name, cents FROM records WHERE dataset = %s", dataset)

    def search_name(self, prefix: str) -> list[Record]:
        """Return up to 20 records whose name starts with a text."""
        return self._select(
            "SELECT id, dataset, name, cents FROM records WHERE name LIKE %s ORDER BY id LIMIT 20", f"{prefix}%"
        )

    def write_name(self, record: int, name: str) -> None:
        """Rename a record."""
        with self.connection() as connection:
            connection.execute("UPDATE records SET name = %s WHERE id = %s", (name, record))

    def _select(self, statement: str, value: object) -> list[Record]:
        with self.connection() as connection:
            return [Record(*row) for row in connection.execute(statement, (value,))]


def _make_records() -> Iterator[Record]:
    for component, datasets in COMPONENTS.items():
        for dataset in datasets:
            for position in range(RECORDS):
                number = (dataset - 1) * RECORDS + position + 1
                name = f"{component[:-1]} {number} é"
                if dataset in TOO_LONG and position == 0:
                    name += " (moved from the branch of the former company)"
                yield Record(number, dataset, name, number * 37 % 10_000)
