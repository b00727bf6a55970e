"""Visits to the databases of a server, from the temporary connections to them.

Views that cover only the connected database are read this way: `exporter/sources/postgres_databases.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_databases import Databases
from deckwatch.exporter.world import Reading

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

VISITED = Metric("deckwatch_postgres_databases_visited", "gauge", "Databases whose last visit succeeded.", ("server",))
FAILED = Metric("deckwatch_postgres_databases_failed", "gauge", "Databases whose last visit failed.", ("server",))


@collector(VISITED, FAILED, subjects=configured_servers)
def collect(world: World, server: Server) -> Reading[list[Sample]]:
    """Databases besides the connected one that were visited, and that could not be."""
    (visits, at) = world.source(Databases).for_server(server).latest_round()
    return Reading([VISITED(visits.visited, server.name), FAILED(visits.failed, server.name)], at)
