"""Locks held or awaited in each database, from pg_locks.

https://www.postgresql.org/docs/current/view-pg-locks.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Row, Server, configured_servers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.world import World

COUNT = Metric("pg_locks_count", "gauge", "Locks held or awaited, by mode.", ("server", "datname", "mode"))

MODES = (
    "accesssharelock",
    "rowsharelock",
    "rowexclusivelock",
    "shareupdateexclusivelock",
    "sharelock",
    "sharerowexclusivelock",
    "exclusivelock",
    "accessexclusivelock",
    "sireadlock",
)

# Locks of prepared transactions have no process id.
SQL = """
    SELECT datname, lower(mode), count(mode)
    FROM pg_database LEFT JOIN pg_locks ON database = oid AND pg_locks.pid IS DISTINCT FROM pg_backend_pid()
    GROUP BY 1, 2
"""


@collector(COUNT, subjects=configured_servers, peer="pg:locks")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Locks of each database in each of the nine modes, without those of this exporter."""
    return lock_samples(server.name, server.run_query(lambda _: SQL).rows)


def lock_samples(server: str, rows: Iterable[Row]) -> Iterator[Sample]:
    """Turn rows of database, mode and count into samples; a mode without locks is 0."""
    counts: dict[str, dict[str, int]] = {}
    for datname, mode, count in rows:
        known = counts.setdefault(datname, dict.fromkeys(MODES, 0))
        if mode is not None:
            known[mode] = count
    for datname, modes in sorted(counts.items()):
        for mode, count in modes.items():
            yield COUNT(count, server, datname, mode)
