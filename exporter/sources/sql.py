"""Databases that answer queries from `watch: sql:`, each kind in its own file: what the collector needs of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.exporter.world import World

# The key of an entry that says which kind of database it is, and the module with its `open_database(world, entry)`.
KINDS = {"postgres": "sql_postgres", "sqlite_file": "sql_sqlite", "mysql": "sql_mysql"}
_ADDRESSES = ("dsn_file", "dsn_env", "dsn_command", "dsn")


class Rows(NamedTuple):
    """The rows of a query with the names of their columns; `is_cut` if there are more."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_cut: bool


class Query(NamedTuple):
    """One statement and its limits. `watermark` is the value of its only parameter; None if it has none."""

    sql: str
    seconds: float
    max_rows: int
    watermark: object = None


class Database(Protocol):
    """A database; its methods are called on threads of background readings, several at once."""

    def read_rows(self, query: Query) -> Rows:
        """Run a query that changes nothing, and return at most `max_rows` rows; raises SourceFailure."""

    @property
    def excess(self) -> str | None:
        """What the role may do besides reading, in a few words; empty if nothing, None while that is not known."""

    def close(self) -> None:
        """Close the connections that are not in use."""


def find_address_faults(entry: Mapping[str, Any] | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the problems of the keys for the address of a MySQL server: a path in `entry` and a message."""
    if entry is None:
        return
    given = [key for key in _ADDRESSES if key in entry]
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "found none"
        yield (), f"expected one of {', '.join(_ADDRESSES)}; {found}"
    parts = urlsplit(entry.get("dsn", ""))
    if parts.password or "password" in parts.query.lower():
        yield ("dsn",), "the dsn contains a password: put it into a file and name that in dsn_file"


def open_database(world: World, entry: Mapping[str, Any]) -> Database:
    """Return the database of an entry of `watch: sql:`; nothing is connected yet."""
    (kind,) = (key for key in KINDS if key in entry)
    module = importlib.import_module(f"deckwatch.exporter.sources.{KINDS[kind]}")
    return cast("Database", module.open_database(world, entry))
