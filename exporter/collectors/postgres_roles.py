"""Connection limits of roles, from pg_roles.

https://www.postgresql.org/docs/current/view-pg-roles.html
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
    "pg_roles",
    (
        Column(
            Metric(
                "pg_roles_connection_limit",
                "gauge",
                "Connection limit of the role; -1 means no limit.",
                ("server", "rolname"),
            ),
            "rolconnlimit",
        ),
    ),
    labels=("rolname",),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:roles")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """The connection limit of each role."""
    return VIEW.read_samples(server)
