"""WAL receiver of a replica, from pg_stat_wal_receiver.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-WAL-RECEIVER-VIEW
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.catalog import Kind
    from deckwatch.exporter.world import World

_LOW_BITS = 2**52  # like the peer, since a float cannot represent a full position


def _declare_column(name: str, kind: Kind, help_text: str, sql: str = "", unit: str = "") -> Column:
    labels = ("server", "upstream_host", "slot_name", "status")
    return Column(Metric(f"pg_stat_wal_receiver_{name}", kind, help_text, labels, unit=unit), sql or name)


def _declare_position(name: str, help_text: str, column: str = "") -> Column:
    return _declare_column(name, "counter", help_text, f"({column or name} - '0/0') % {_LOW_BITS}")


def _declare_time(name: str, help_text: str) -> Column:
    return _declare_column(name, "counter", help_text, f"extract(epoch FROM {name})::float8", "timestamp")


VIEW = View(
    "pg_stat_wal_receiver WHERE status IS NOT NULL",
    (
        _declare_position("receive_start_lsn", "WAL position at which receiving started, in bytes."),
        _declare_column("receive_start_tli", "gauge", "Timeline at which receiving started."),
        _declare_position("flushed_lsn", "WAL position flushed to disk, in bytes."),
        _declare_column("received_tli", "gauge", "Timeline of the last WAL received."),
        _declare_time("last_msg_send_time", "Send time of the last message, as a Unix time."),
        _declare_time("last_msg_receipt_time", "Receipt time of the last message, as a Unix time."),
        _declare_position("latest_end_lsn", "WAL position last reported upstream, in bytes."),
        _declare_time("latest_end_time", "Time of the last report upstream, as a Unix time."),
    ),
    labels=("sender_host", "slot_name", "status"),
    needs_monitor=True,
)


@collector(*VIEW.metrics, subjects=configured_servers, peer="pg:stat_wal_receiver")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """What a replica receives, and when it last heard from upstream."""
    return VIEW.read_samples(server)
