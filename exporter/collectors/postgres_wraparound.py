"""Transaction ID wraparound of each database, from pg_database.

https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
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

_LABELS = ("server", "datname")
_LIMIT = 2**31  # distinct transaction IDs; the server stops accepting writes three million earlier


def _declare_age(name: str, help_text: str) -> Metric:
    # The peer's name says seconds; its value is a number of transactions.
    return Metric(f"pg_database_wraparound_age_{name}_seconds", "gauge", help_text, _LABELS, unit="short")


VIEW = View(
    "pg_database WHERE datallowconn",
    (
        Column(
            _declare_age("datfrozenxid", "Age of the oldest transaction ID that is not frozen."), "age(datfrozenxid)"
        ),
        Column(
            _declare_age("datminmxid", "Age of the oldest multixact ID that is not frozen."), "mxid_age(datminmxid)"
        ),
        Column(
            Metric(
                "deckwatch_postgres_wraparound_ratio",
                "gauge",
                "Share of transaction IDs used before wraparound; near 1 the server stops accepting writes.",
                _LABELS,
            ),
            f"greatest(age(datfrozenxid), mxid_age(datminmxid))::float8 / {_LIMIT}",
        ),
    ),
    labels=("datname",),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:database_wraparound")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """How near each database is to running out of transaction numbers."""
    return VIEW.read_samples(server)
