"""The statements on which a server spends most time: a small, stable set, and the sum of all others.

`pg_stat_statements` holds thousands. Exposing the current top statements would create new series all the time, so a set
is kept: a member is replaced only by a statement with clearly more time, and not soon after it entered. The others are
summed in a counter, which never decreases. The exporter's own statements are left out: on a quiet server they would be
the top of the list.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.name_filter import NameFilter
from deckwatch.exporter.sources.background import Background
from deckwatch.exporter.sources.postgres import configured_servers
from deckwatch.exporter.sources.postgres_view import schema_of
from deckwatch.exporter.world import NoData, Reading, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deckwatch.exporter.sources.postgres import Row, Server
    from deckwatch.exporter.world import World

MAX_STATEMENTS = 20
MIN_STAY_SECONDS = 600.0  # minimum time of a statement in the set
REPLACE_FACTOR = 1.3  # ratio of total times above which a statement replaces another
TEXT_LENGTH = 200
_RENAMED = 170000  # the version that renamed the block times
_TEXTS_SECONDS = 600.0  # interval between readings of texts, for which the server reads its complete file of texts

# Texts of these contain no literals; all others may contain passwords, so that only their beginning is shown.
_WITHOUT_LITERALS = re.compile(r"(select|insert|update|delete|merge|with|values)\b", re.IGNORECASE)
_BEGINNING = re.compile(r"\W*(\w+(?: \w+)?)")

_ROLES_SECONDS = 600.0  # interval between readings of the roles that the configuration selects

# The role of the connection, unless an application may use it too: it then has rights, or owns or inherits something.
_OWN_ROLE = """
    SELECT oid FROM pg_roles WHERE rolname = current_user AND NOT rolsuper
    AND NOT EXISTS (
        SELECT FROM pg_shdepend
        WHERE refclassid = 'pg_authid'::regclass AND refobjid = pg_roles.oid AND deptype = 'o'
    )
    AND NOT EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid AND roleid >= 16384)
"""  # object ids below 16384 are PostgreSQL's own, such as that of pg_monitor
_ROLES = "SELECT oid, rolname FROM pg_roles"

_INSTALLED = f"SELECT {schema_of('pg_stat_statements')}, current_setting('pg_stat_statements.max', true)"


class Key(NamedTuple):
    """The identity of a statement: object ids of role and database, and the server's hash of its text."""

    user: int
    database: int
    query: int


class Statement(NamedTuple):
    """A statement's role, database and hash as exposed, and its figures: calls, seconds, rows and so on."""

    user: str
    datname: str
    queryid: str
    figures: tuple[float, ...]


OTHERS = ("other", "other", "other")  # an empty label would be missing if a dashboard selects all databases


@dataclass
class Ranking:
    """The set, without I/O. Figures are calls, seconds, rows, seconds of reading and seconds of writing."""

    members: dict[Key, float] = field(default_factory=dict)  # the time of entry, by the monotonic clock
    _before: dict[Key, tuple[float, ...]] = field(default_factory=dict)
    _total: tuple[float, ...] = ()
    others: tuple[float, ...] = ()

    def update_members(
        self, figures: Mapping[Key, tuple[float, ...]], total: tuple[float, ...], now: float
    ) -> list[Key]:
        """Update with the figures of all members and top statements, and the total; return the statements to expose."""
        if not self._total:
            shown = sorted(figures, key=lambda key: -figures[key][1])[:MAX_STATEMENTS]
            self.members = dict.fromkeys(shown, now)
            self.others = tuple(
                max(0.0, total_value - sum(figures[key][index] for key in shown))
                for index, total_value in enumerate(total)
            )
        else:
            self._add_to_others(figures, total)
            self._choose_members(figures, now)
        self._before = {key: figures[key] for key in self.members}
        self._total = total
        return list(self.members)

    def _add_to_others(self, figures: Mapping[Key, tuple[float, ...]], total: tuple[float, ...]) -> None:
        """Add the increase since the last call that belongs to no member to the others."""
        known = [key for key in self.members if key in figures]
        self.others = tuple(
            so_far
            + max(
                0.0,
                total[index]
                - self._total[index]
                - sum(figures[key][index] - self._before[key][index] for key in known),
            )
            for index, so_far in enumerate(self.others)
        )

    def _choose_members(self, figures: Mapping[Key, tuple[float, ...]], now: float) -> None:
        # The server has evicted the others.
        self.members = {key: since for key, since in self.members.items() if key in figures}
        for key in sorted(figures.keys() - self.members.keys(), key=lambda key: -figures[key][1]):
            if len(self.members) >= MAX_STATEMENTS:
                last = min(self.members, key=lambda member: figures[member][1])
                if now - self.members[last] < MIN_STAY_SECONDS or figures[key][1] < REPLACE_FACTOR * figures[last][1]:
                    break
                del self.members[last]
            self.members[key] = now


def statements_sql(schema: str, version: int, members: Iterable[Key], hidden: str) -> str:
    """Return the SQL for members, top statements and total: rows of three ids, two names and five figures.

    `hidden` is SQL for the ids of roles whose statements are left out.
    """
    prefix = "shared_" if version >= _RENAMED else ""
    read, write = f"{prefix}blk_read_time", f"{prefix}blk_write_time"
    known = ", ".join(f"({user}, {database}, {query})" for user, database, query in members) or "(0, 0, 0)"
    names = "pg_get_userbyid(userid), (SELECT datname FROM pg_database WHERE oid = dbid)"
    return f"""
        WITH one AS MATERIALIZED (
            SELECT userid, dbid, queryid, sum(calls)::float8 AS calls, sum(total_exec_time) / 1000 AS seconds,
                sum(rows)::float8 AS rows, sum({read}) / 1000 AS reading, sum({write}) / 1000 AS writing
            FROM {schema}.pg_stat_statements(false)
            WHERE queryid IS NOT NULL AND userid <> ALL (ARRAY({hidden})) GROUP BY 1, 2, 3
        ), first AS (SELECT * FROM one ORDER BY seconds DESC LIMIT {MAX_STATEMENTS})
        SELECT userid, dbid, queryid, {names}, calls, seconds, rows, reading, writing FROM first
        UNION SELECT userid, dbid, queryid, {names}, calls, seconds, rows, reading, writing FROM one
        WHERE (userid, dbid, queryid) IN (VALUES {known})
        UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, coalesce(sum(calls), 0), coalesce(sum(seconds), 0),
            coalesce(sum(rows), 0), coalesce(sum(reading), 0), coalesce(sum(writing), 0) FROM one
    """  # noqa: S608 - numbers from the server, a quoted name, and constants


class Statements(Source):
    """The statements of every configured server; a Source of the World."""

    def __init__(self, world: World) -> None:
        entries = {entry["name"]: entry for entry in world.config.get("postgres") or []}
        self._by_server = {
            name: _ServerStatements(world, server, entries[name].get("statement_users"))
            for name, server in configured_servers(world).items()
        }

    def read_figures(self, server: Server) -> list[Statement]:
        """Return the set with current figures, followed by the sum of all others; raises like Server.run_query."""
        return self._by_server[server.name].read_figures()

    def latest_texts(self, server: Server) -> Reading[dict[str, str]]:
        """Return the texts of the set by hash, as last read; raises like Background.latest_reading."""
        return self._by_server[server.name].texts.latest_reading()

    def close(self) -> None:
        """End the threads."""
        for statements in self._by_server.values():
            statements.texts.close()


class _ServerStatements:
    def __init__(self, world: World, server: Server, choice: Mapping[str, str] | None) -> None:
        self._server = server
        self._choice = NameFilter(choice, "") if choice else None
        self._hidden = ""  # SQL for the roles that the choice leaves out
        self._hidden_at = -_ROLES_SECONDS
        self._ranking = Ranking()
        self._lock = threading.Lock()
        what = f"texts of statements of PostgreSQL server {server.name}"
        self.texts: Background[dict[str, str]] = Background(world, what, self._read_texts, seconds=_TEXTS_SECONDS)

    def read_figures(self) -> list[Statement]:
        schema = self._extension_schema()
        with self._lock:
            members = list(self._ranking.members)
            hidden = self._hidden_roles()
            rows = self._server.run_query(
                lambda version: statements_sql(schema, version, members, hidden), needs_monitor=True
            ).rows
            row_of = {Key(*row[:3]): row for row in rows if row[0] is not None}
            [total] = [_row_figures(row) for row in rows if row[0] is None]
            shown = self._ranking.update_members(
                {key: _row_figures(row) for key, row in row_of.items()}, total, time.monotonic()
            )
            statements = [
                Statement(str(row[3] or ""), str(row[4] or ""), str(key.query), _row_figures(row))
                for key, row in ((key, row_of[key]) for key in shown)
            ]
            return [*statements, Statement(*OTHERS, self._ranking.others)]

    def _hidden_roles(self) -> str:
        """Return SQL for the ids of the roles whose statements are left out."""
        if self._choice is None:
            return "SELECT 0::oid WHERE false" if self._server.rights else _OWN_ROLE
        if time.monotonic() - self._hidden_at > _ROLES_SECONDS:
            roles = self._server.run_query(lambda _: _ROLES).rows
            hidden = [str(oid) for oid, name in roles if not self._choice.is_shown(str(name))]
            self._hidden = f"SELECT unnest('{{{','.join(hidden)}}}'::oid[])"
            self._hidden_at = time.monotonic()
        return self._hidden

    def _extension_schema(self) -> str:
        [(schema, most)] = self._server.run_query(lambda _: _INSTALLED).rows
        if most is None:
            raise NoData("shared_preload_libraries of the server does not name pg_stat_statements")
        if schema is None:
            raise NoData("the connected database has no pg_stat_statements; CREATE EXTENSION pg_stat_statements")
        return str(schema)

    def _read_texts(self) -> dict[str, str]:
        if not self._ranking.members:
            self.read_figures()
        schema = self._extension_schema()
        wanted = ", ".join(sorted({str(key.query) for key in self._ranking.members})) or "0"
        # Longer than the exposed text, since white space and comments will be removed.
        sql = f"""
            SELECT queryid, left(min(query), {4 * TEXT_LENGTH}) FROM {schema}.pg_stat_statements(true)
            WHERE queryid IN ({wanted}) GROUP BY 1
        """  # noqa: S608 - as above
        with self._server.visit_database("") as link:
            return {str(queryid): redact_text(str(text)) for queryid, text in link.run_statement(sql)}


def redact_text(query: str) -> str:
    """Return a statement's text on one line without comments; of commands only the beginning."""
    plain = " ".join(re.sub(r"/\*.*?\*/|--[^\n]*", " ", query, flags=re.DOTALL).split())
    if not _WITHOUT_LITERALS.match(plain):
        beginning = _BEGINNING.match(plain)
        return f"{beginning[1]} …" if beginning else "…"
    return plain if len(plain) <= TEXT_LENGTH else plain[: TEXT_LENGTH - 1] + "…"


def _row_figures(row: Row) -> tuple[float, ...]:
    return tuple(float(value) for value in row[5:])
