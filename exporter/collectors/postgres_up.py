"""Whether a PostgreSQL server answers, and since when it runs, from version() and pg_postmaster_start_time()."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_dsn import ServerDown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

UP = Metric("pg_up", "gauge", "1 if the server is reachable, else 0.", ("server",), state=True)
ERROR = Metric("pg_exporter_last_scrape_error", "gauge", "1 if the server could not be read, else 0.", ("server",))
STATIC = Metric(
    "pg_static", "untyped", "Version of the server, in labels; always 1.", ("server", "short_version", "version")
)
PRIVILEGED = Metric(
    "deckwatch_postgres_role_privileged",
    "gauge",
    "1 if the role has more privileges than reading statistics, else 0.",
    ("server",),
)
START = Metric("pg_postmaster_start_time_seconds", "gauge", "Start time of the server, as a Unix time.", ("server",))

SQL = "SELECT version(), extract(epoch FROM pg_postmaster_start_time())::float8"


@collector(UP, ERROR, STATIC, PRIVILEGED, START, subjects=configured_servers, peer="pg:postmaster")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Whether a PostgreSQL server is reachable; an unreachable server is a result, not a fault of the collector."""
    try:
        number, [(version, started)] = server.run_query(lambda _: SQL)
        server.refresh_rights()
    except ServerDown:
        yield UP(0, server.name)
        yield ERROR(1, server.name)
        return
    yield UP(1, server.name)
    yield ERROR(0, server.name)
    yield STATIC(1, server.name, f"{number // 10_000}.{number % 10_000}.0", version)
    yield PRIVILEGED(bool(server.rights), server.name)
    yield START(started, server.name)
