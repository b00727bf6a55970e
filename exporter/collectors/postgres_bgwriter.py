"""Checkpoints and the background writer, from pg_stat_bgwriter.

PostgreSQL 17 moved half of that view to pg_stat_checkpointer and pg_stat_io; the figures keep their names here, so
that dashboards made for older servers stay filled.
https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-CHECKPOINTER-VIEW
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


def _declare_counter(name: str, help_text: str, unit: str = "") -> Metric:
    return Metric(f"pg_stat_bgwriter_{name}_total", "counter", help_text, ("server",), unit=unit)


def _declare_moved(metric: Metric, before: str, since: str) -> tuple[Column, Column]:
    """Return the column up to PostgreSQL 16, and its replacement since 17."""
    return Column(metric, before, before=17), Column(metric, f"(SELECT {since})", since=17)


_BACKEND = _declare_counter("buffers_backend", "Buffers written by backends.")
# Without temporary relations, whose buffers are not shared, and since 18 the write-ahead log.
_BY_CLIENTS = "pg_stat_io WHERE backend_type = 'client backend' AND object = 'relation'"
VIEW = View(
    "pg_stat_bgwriter",
    (
        *_declare_moved(
            _declare_counter("checkpoints_timed", "Scheduled checkpoints."),
            "checkpoints_timed",
            "num_timed FROM pg_stat_checkpointer",
        ),
        *_declare_moved(
            _declare_counter("checkpoints_req", "Requested checkpoints."),
            "checkpoints_req",
            "num_requested FROM pg_stat_checkpointer",
        ),
        *_declare_moved(
            _declare_counter(
                "checkpoint_write_time", "Milliseconds spent writing files in checkpoints.", "milliseconds"
            ),
            "checkpoint_write_time",
            "write_time FROM pg_stat_checkpointer",
        ),
        *_declare_moved(
            _declare_counter(
                "checkpoint_sync_time", "Milliseconds spent synchronising files in checkpoints.", "milliseconds"
            ),
            "checkpoint_sync_time",
            "sync_time FROM pg_stat_checkpointer",
        ),
        *_declare_moved(
            _declare_counter("buffers_checkpoint", "Buffers written by checkpoints."),
            "buffers_checkpoint",
            "buffers_written FROM pg_stat_checkpointer",
        ),
        Column(_BACKEND, "buffers_backend", before=17),
        # An operation writes one block up to 17, and several since 18.
        Column(_BACKEND, f"(SELECT sum(writes)::int8 FROM {_BY_CLIENTS})", since=17, before=18),  # noqa: S608 - constants of ours
        Column(
            _BACKEND,
            f"(SELECT (sum(write_bytes) / current_setting('block_size')::int8)::int8 FROM {_BY_CLIENTS})",  # noqa: S608 - as above
            since=18,
        ),
        *_declare_moved(
            _declare_counter("buffers_backend_fsync", "fsync calls made by backends."),
            "buffers_backend_fsync",
            f"sum(fsyncs)::int8 FROM {_BY_CLIENTS}",
        ),
        Column(_declare_counter("buffers_clean", "Buffers written by the background writer."), "buffers_clean"),
        Column(
            _declare_counter("maxwritten_clean", "Background writer rounds stopped at the limit of buffers written."),
            "maxwritten_clean",
        ),
        Column(_declare_counter("buffers_alloc", "Buffers allocated."), "buffers_alloc"),
        Column(
            _declare_counter("stats_reset", "Last reset of these counters as a Unix time, 0 if never.", "timestamp"),
            "coalesce(extract(epoch FROM stats_reset), 0)::float8",
        ),
    ),
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_bgwriter")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Checkpoints, and buffers by writer."""
    return VIEW.read_samples(server)
