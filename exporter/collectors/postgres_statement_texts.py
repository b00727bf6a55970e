"""Texts of the statements that take the most time, from pg_stat_statements.

https://www.postgresql.org/docs/current/pgstatstatements.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_statements import Statements
from deckwatch.exporter.world import Reading

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

TEXT = Metric(
    "pg_stat_statements_query_id",
    "gauge",
    "Text of the statement, in a label; always 1.",
    ("server", "queryid", "query"),
)


@collector(TEXT, subjects=configured_servers)
def collect(world: World, server: Server) -> Reading[list[Sample]]:
    """Texts of the statements that postgres_statements shows, without literals, read every ten minutes."""
    texts = world.source(Statements).latest_texts(server)
    return Reading([TEXT(1, server.name, queryid, text) for queryid, text in texts.value.items()], texts.at)
