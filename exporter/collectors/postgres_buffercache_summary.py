"""Usage of a server's shared buffers, from pg_buffercache_summary() of the extension pg_buffercache.

https://www.postgresql.org/docs/current/pgbuffercache.html#PGBUFFERCACHE-SUMMARY
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_view import Column, View, schema_of
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_column(name: str, help_text: str) -> Column:
    return Column(Metric(f"pg_buffercache_summary_{name}", "gauge", help_text, ("server",)), name, since=16)


VIEW = View(
    "pg_buffercache_summary()",
    (
        _declare_column("buffers_used", "Used shared buffers."),
        _declare_column("buffers_unused", "Unused shared buffers."),
        _declare_column("buffers_dirty", "Dirty shared buffers."),
        _declare_column("buffers_pinned", "Pinned shared buffers."),
        _declare_column("usagecount_avg", "Average usage count of used shared buffers, 0 to 5."),
    ),
)


def _extension_query(version: int) -> str:
    VIEW.build_query(version)  # raises NoData where the server is too old for the function
    return f"SELECT {schema_of('pg_buffercache')}"


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:buffercache_summary", default=False)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Used, unused, dirty and pinned shared buffers; reads all of them, without a lock."""
    [(schema,)] = server.run_query(_extension_query).rows
    if schema is None:
        raise NoData("the connected database has no pg_buffercache; CREATE EXTENSION pg_buffercache")
    return replace(VIEW, source=f"{schema}.{VIEW.source}").read_samples(server)
