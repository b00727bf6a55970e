"""I/O by kind of backend, from pg_stat_io.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-IO-VIEW
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

_SECONDS = "{} / 1000"


def _declare_column(name: str, help_text: str, sql: str = "", since: int = 16) -> Column:
    labels = ("server", "backend_type", "object", "context")
    return Column(Metric(f"deckwatch_postgres_io_{name}_total", "counter", help_text, labels), sql or name, since=since)


def _declare_bytes(name: str, blocks: str, help_text: str) -> tuple[Column, Column]:
    """Return the bytes counted by PostgreSQL 18, and for older versions the blocks, which have a fixed size."""
    metric = _declare_column(name, help_text).metric
    return Column(metric, f"{blocks} * op_bytes", since=16, before=18), Column(metric, name, since=18)


# Kinds of I/O that happened; of the write-ahead log (since 18) a process can do nothing but synchronise.
_HAPPENED = " + ".join(f"coalesce({kind}, 0)" for kind in ("reads", "writes", "extends", "hits", "fsyncs"))
VIEW = View(
    f"pg_stat_io WHERE {_HAPPENED} > 0",
    (
        _declare_column("reads", "Read operations: of one block up to PostgreSQL 17, of several since 18."),
        *_declare_bytes("read_bytes", "reads", "Bytes read."),
        _declare_column("read_seconds", "Seconds spent reading, with track_io_timing.", _SECONDS.format("read_time")),
        _declare_column("writes", "Write operations: of one block up to PostgreSQL 17, of several since 18."),
        *_declare_bytes("write_bytes", "writes", "Bytes written."),
        _declare_column("write_seconds", "Seconds spent writing, with track_io_timing.", _SECONDS.format("write_time")),
        _declare_column("extends", "Relation extend operations."),
        _declare_column("hits", "Blocks found in the buffer cache."),
        _declare_column("evictions", "Blocks evicted from the buffer cache."),
        _declare_column("fsyncs", "fsync calls."),
        _declare_column(
            "fsync_seconds", "Seconds spent in fsync, with track_io_timing.", _SECONDS.format("fsync_time")
        ),
    ),
    labels=("backend_type", "object", "context"),
)


@collector(*VIEW.metrics, subjects=configured_servers)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Reads, writes and evictions by kind of process, of PostgreSQL 16 and newer."""
    return VIEW.read_samples(server)
