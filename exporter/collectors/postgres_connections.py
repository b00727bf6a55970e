"""Client connections and their limit, from pg_stat_activity and pg_settings.

https://www.postgresql.org/docs/current/runtime-config-connection.html
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

_SETTING = "current_setting('{}', true)::int"
_RESERVED = "coalesce(" + _SETTING.format("superuser_reserved_connections") + ", 0)"
_RESERVED += " + coalesce(" + _SETTING.format("reserved_connections") + ", 0)"

VIEW = View(
    "pg_stat_activity WHERE backend_type = 'client backend'",
    (
        Column(
            Metric(
                "deckwatch_postgres_connections_used",
                "gauge",
                "Client connections, including the exporter's.",
                ("server",),
            ),
            "count(*)",
        ),
        Column(
            Metric(
                "deckwatch_postgres_connections_limit",
                "gauge",
                "Maximum client connections for roles that are not superusers.",
                ("server",),
            ),
            f"max({_SETTING.format('max_connections')} - ({_RESERVED}))",
        ),
    ),
    needs_monitor=True,
)


@collector(*VIEW.metrics, subjects=configured_servers)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Client connections and their limit."""
    return VIEW.read_samples(server)
