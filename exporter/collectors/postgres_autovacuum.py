"""Tables that autovacuum is working on, from pg_stat_activity.

https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM
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
    # A worker's query reads `autovacuum: VACUUM schema.table (to prevent wraparound)`.
    r"""(
        SELECT substring(query FROM '\.([^ ]+)') AS relname, min(extract(epoch FROM xact_start))::float8 AS started
        FROM pg_stat_activity
        WHERE query LIKE 'autovacuum:%' AND backend_type = 'autovacuum worker' AND xact_start IS NOT NULL
        GROUP BY 1
    ) AS workers WHERE relname IS NOT NULL""",
    (
        Column(
            Metric(
                "pg_stat_activity_autovacuum_timestamp_seconds",
                "gauge",
                "Start of the autovacuum of the table, as a Unix time.",
                ("server", "relname"),
            ),
            "started",
        ),
    ),
    labels=("relname",),
    needs_monitor=True,
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_activity_autovacuum")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Tables that autovacuum is working on, and the start of each run."""
    return VIEW.read_samples(server)
