"""Whether a PostgreSQL server answers, and since when it runs, from version() and pg_postmaster_start_time()."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_dsn import ServerDown
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

UP = Metric("pg_up", "gauge", "1 if the server is reachable, else 0.", ("server",), state=True)
ERROR = Metric("pg_exporter_last_scrape_error", "gauge", "1 if the server could not be read, else 0.", ("server",))
SCRAPES = Metric(
    "pg_exporter_scrapes_total",
    "counter",
    "Scrapes of the server, successful or not.",
    ("server",),
    is_about_reading=True,
)
STATIC = Metric(
    "pg_static", "untyped", "Version of the server, in labels; always 1.", ("server", "short_version", "version")
)
PRIVILEGED = Metric(
    "deckwatch_postgres_role_privileged",
    "gauge",
    "1 if the role has more privileges than reading statistics, else 0.",
    ("server",),
)
LIMITED = Metric(
    "deckwatch_postgres_role_limited",
    "gauge",
    "1 if PostgreSQL hides sessions, statements and replicas from the role, which lacks pg_monitor, else 0.",
    ("server",),
)
START = Metric("pg_postmaster_start_time_seconds", "gauge", "Start time of the server, as a Unix time.", ("server",))


class _ScrapeCounts(Source):
    """The number of scrapes of each server."""

    def __init__(self, _world: World) -> None:
        self._by_server: Counter[str] = Counter()

    def count_scrape(self, server: str) -> int:
        """Return the number of scrapes of a server, this one included."""
        self._by_server[server] += 1
        return self._by_server[server]


SQL = "SELECT version(), extract(epoch FROM pg_postmaster_start_time())::float8"


@collector(UP, ERROR, SCRAPES, STATIC, PRIVILEGED, LIMITED, START, subjects=configured_servers, peer="pg:postmaster")
def collect(world: World, server: Server) -> Iterator[Sample]:
    """Whether a PostgreSQL server is reachable; an unreachable server is a result, not a fault of the collector."""
    yield SCRAPES(world.source(_ScrapeCounts).count_scrape(server.name), server.name)
    try:
        number, [(version, started)] = server.ask_if_up(lambda _: SQL)
        server.refresh_rights()
    except ServerDown:
        yield UP(0, server.name)
        yield ERROR(1, server.name)
        return
    yield UP(1, server.name)
    yield ERROR(0, server.name)
    yield STATIC(1, server.name, f"{number // 10_000}.{number % 10_000}.0", version)
    yield PRIVILEGED(bool(server.rights), server.name)
    yield LIMITED(server.lacks_monitor, server.name)
    yield START(started, server.name)
