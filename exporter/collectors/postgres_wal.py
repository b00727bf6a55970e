"""Size of the write-ahead log, from pg_ls_waldir().

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-GENFILE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

VIEW = View(
    "pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
    (
        Column(Metric("pg_wal_segments", "gauge", "WAL segments on disk.", ("server",)), "count(*)"),
        Column(
            Metric("pg_wal_size_bytes", "gauge", "Disk space used by the WAL.", ("server",)),
            "sum(size)::int8",
        ),
    ),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:wal")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Segments and bytes of the write-ahead log; only a role with pg_monitor may see them."""
    return VIEW.read_samples(server)
