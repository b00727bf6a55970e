"""The databases of a server other than that of its persistent connection: visited in turn, in the background.

Some views cover only the connected database. A persistent connection to each would cost the server a process, and
block `DROP DATABASE` and `CREATE DATABASE ... TEMPLATE`; a new one per scrape would cost more than the scrape. So the
databases are visited in turn, at intervals: a connection reads the rows for all collectors, and is closed before
`DROP DATABASE` gives up waiting for it. The rows are exposed with their age.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core import units
from deckwatch.exporter.name_filter import NameFilter
from deckwatch.exporter.sources.background import Background, NotReadYet, ReadingFailed
from deckwatch.exporter.sources.postgres import configured_servers
from deckwatch.exporter.sources.postgres_dsn import ServerDown
from deckwatch.exporter.world import NoData, Reading, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.postgres import Server
    from deckwatch.exporter.sources.postgres_view import View
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.postgres")

_EVERY = "1m"  # default of the configuration
_VISIT_SECONDS = 4.0  # DROP DATABASE waits for 5
_GATHERING_SECONDS = 0.2  # in which the collectors of the first scrape register their views

# A database that could not be dropped to its end has the limit -2.
_NAMES = """
    SELECT datname FROM pg_database
    WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 AND datname <> current_database()
    AND has_database_privilege(oid, 'CONNECT') ORDER BY datname
"""


class Round(NamedTuple):
    """The result of one round through the databases."""

    samples: dict[View, list[Sample]]
    visited: int
    failed: int


class Databases(Source):
    """The visits of every configured server; a Source of the World."""

    def __init__(self, world: World) -> None:
        entries = {entry["name"]: entry for entry in world.config.get("postgres") or []}
        self._visits = {
            name: DatabaseVisits(
                world,
                server,
                NameFilter(entries[name].get("databases"), ""),
                units.parse_duration(entries[name].get("databases_every", _EVERY)),
            )
            for name, server in configured_servers(world).items()
        }

    def for_server(self, server: Server) -> DatabaseVisits:
        """Return the visits of a server."""
        return self._visits[server.name]

    def close(self) -> None:
        """End all of them."""
        for visits in self._visits.values():
            visits.close()


def read_all_databases(world: World, server: Server, view: View) -> Reading[Iterable[Sample]]:
    """Return a view's samples of the connected database, read now, and of the others, read in the last round."""
    connected = view.read_samples(server)
    others = world.source(Databases).for_server(server).latest_samples(view)
    return Reading(itertools.chain(connected, others.value), others.at)


class DatabaseVisits:
    """Periodic visits to the databases of a server, from the first request on."""

    def __init__(self, world: World, server: Server, choice: NameFilter, seconds: float) -> None:
        self._world = world
        self._server = server
        self._choice = choice
        self._wanted: dict[View, None] = {}
        self._failing: dict[str, str] = {}
        self._gathered = False
        what = f"the databases of PostgreSQL server {server.name}"
        self._round: Background[Round] = Background(world, what, self._visit_all, seconds=seconds)

    def latest_samples(self, view: View) -> Reading[list[Sample]]:
        """Return a view's samples from the last round; none if it failed, or if the view was not requested before it.

        `latest_round` raises the failure: the samples of the connected database must not be lost with the others.
        """
        self._wanted[view] = None
        with contextlib.suppress(NotReadYet, ReadingFailed):
            reading = self._round.latest_reading()
            return Reading(reading.value.samples.get(view, []), reading.at)
        return Reading([], self._world.clock())

    def latest_round(self) -> Reading[Round]:
        """Return the last round; raises as Background.latest does."""
        return self._round.latest_reading()

    def close(self) -> None:
        """End the rounds."""
        self._round.close()

    def _visit_all(self) -> Round:
        if not self._gathered:
            time.sleep(_GATHERING_SECONDS)
            self._gathered = True
        wanted = list(self._wanted)
        result = Round({view: [] for view in wanted}, 0, 0)
        names = [row[0] for row in self._server.run_query(lambda _: _NAMES).rows if self._choice.is_shown(row[0])]
        for name in names:
            if self._round.is_closing:
                break
            try:
                for view, samples in self._visit_database(name, wanted):
                    result.samples[view] += samples
            except Exception as fault:  # noqa: BLE001 - a database must not prevent visits to the others
                result = result._replace(failed=result.failed + 1)
                self._log_change(name, fault.reason if isinstance(fault, ServerDown) else type(fault).__name__)
            else:
                result = result._replace(visited=result.visited + 1)
                self._log_change(name, "")
        return result

    def _visit_database(self, name: str, wanted: list[View]) -> Iterator[tuple[View, list[Sample]]]:
        """Yield the samples of each view of a database; a view without data is left out."""
        with self._server.visit_database(name) as link:
            ends = time.monotonic() + _VISIT_SECONDS
            for view in wanted:
                if time.monotonic() > ends:
                    raise ServerDown("too slow")
                try:
                    rows = link.run_statement(view.build_query(link.version))
                except NoData:
                    continue
                yield view, list(view.make_samples(self._server.name, link.version, rows))

    def _log_change(self, name: str, reason: str) -> None:
        """Log when a database cannot be visited, and when it can be visited again."""
        before = self._failing.get(name, "")
        if reason and reason != before:
            log.warning("database %s of PostgreSQL server %s cannot be visited: %s", name, self._server.name, reason)
        elif before and not reason:
            log.info("database %s of PostgreSQL server %s can be visited again", name, self._server.name)
        self._failing[name] = reason
