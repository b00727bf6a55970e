"""Statements that take the most time, from pg_stat_statements.

https://www.postgresql.org/docs/current/pgstatstatements.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_statements import Statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_counter(name: str, help_text: str) -> Metric:
    return Metric(f"pg_stat_statements_{name}_total", "counter", help_text, ("server", "user", "datname", "queryid"))


METRICS = (
    _declare_counter("calls", "Executions of the statement."),
    _declare_counter("seconds", "Seconds spent executing the statement."),
    _declare_counter("rows", "Rows returned or changed by the statement."),
    _declare_counter("block_read_seconds", "Seconds spent reading blocks, with track_io_timing."),
    _declare_counter("block_write_seconds", "Seconds spent writing blocks, with track_io_timing."),
)


@collector(*METRICS, subjects=configured_servers, peer="pg:stat_statements")
def collect(world: World, server: Server) -> Iterator[Sample]:
    """The statements that took the most time, in a set that changes slowly; all others are summed as `other`."""
    for statement in world.source(Statements).read_figures(server):
        for metric, value in zip(METRICS, statement.figures, strict=True):
            yield metric(value, server.name, statement.user, statement.datname, statement.queryid)
