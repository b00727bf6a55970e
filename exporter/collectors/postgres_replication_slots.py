"""How far behind the consumers of a server's write-ahead log are, from pg_replication_slots.

https://www.postgresql.org/docs/current/view-pg-replication-slots.html
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

_NOW = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END"


def _declare_gauge(name: str, help_text: str, *labels: str) -> Metric:
    unit = "bytes" if "_lsn" in name else ""
    return Metric(f"pg_replication_slots_{name}", "gauge", help_text, ("server", "slot_name", *labels), unit=unit)


BY_DATABASE = View(
    "pg_replication_slots",
    (
        Column(_declare_gauge("active", "1 if the slot is active, else 0.", "database"), "active"),
        Column(
            _declare_gauge("pg_wal_lsn_diff", "Bytes of WAL retained by the slot.", "database"),
            f"pg_wal_lsn_diff({_NOW}, restart_lsn)",
        ),
    ),
    labels=("slot_name", "database"),
)
BY_TYPE = View(
    "pg_replication_slots",
    (
        Column(_declare_gauge("slot_is_active", "1 if the slot is active, else 0.", "slot_type"), "active"),
        Column(
            _declare_gauge("slot_current_wal_lsn", "Current WAL position, in bytes.", "slot_type"),
            f"({_NOW}) - '0/0'",
        ),
        Column(
            _declare_gauge(
                "slot_confirmed_flush_lsn", "WAL position confirmed by the consumer, in bytes.", "slot_type"
            ),
            "coalesce(confirmed_flush_lsn, '0/0') - '0/0'",
        ),
        Column(
            _declare_gauge(
                "safe_wal_size_bytes", "Bytes that can be written before the slot may be lost.", "slot_type"
            ),
            "safe_wal_size",
        ),
    ),
    labels=("slot_name", "slot_type"),
)
BY_STATUS = View(
    "pg_replication_slots WHERE wal_status IS NOT NULL",
    (
        Column(
            _declare_gauge(
                "wal_status",
                "Availability of the WAL that the slot needs, in a label; always 1.",
                "slot_type",
                "wal_status",
            ),
            "1",
        ),
    ),
    labels=("slot_name", "slot_type", "wal_status"),
)
VIEWS = (BY_DATABASE, BY_TYPE, BY_STATUS)


@collector(
    *(metric for view in VIEWS for metric in view.metrics), subjects=configured_servers, peer="pg:replication_slots"
)
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Replication slots: whether each is active, and how much WAL it retains."""
    for view in VIEWS:
        yield from view.read_samples(server)
