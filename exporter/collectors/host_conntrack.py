"""Tracked network connections, from net/stat/nf_conntrack (net/netfilter/nf_conntrack_standalone.c)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

ENTRIES = Metric("node_nf_conntrack_entries", "gauge", "Connections currently tracked.")
LIMIT = Metric("node_nf_conntrack_entries_limit", "gauge", "Maximum size of the connection tracking table.")


def _declare_gauge(name: str, help_text: str) -> Metric:
    return Metric(f"node_nf_conntrack_stat_{name}", "gauge", help_text)


# All are counters, but node_exporter declares them as gauges.
STATISTICS = {
    "found": _declare_gauge("found", "Lookups that found an entry."),
    "invalid": _declare_gauge("invalid", "Packets that could not be tracked."),
    "ignore": _declare_gauge("ignore", "Packets already associated with a connection."),
    "insert": _declare_gauge("insert", "Entries inserted."),
    "insert_failed": _declare_gauge("insert_failed", "Insertions that failed."),
    "drop": _declare_gauge("drop", "Packets dropped because connection tracking failed."),
    "early_drop": _declare_gauge("early_drop", "Entries dropped to make room for new ones."),
    "search_restart": _declare_gauge("search_restart", "Lookups restarted because the table was resized."),
}


@collector(
    ENTRIES,
    LIMIT,
    *STATISTICS.values(),
    peer="node:conntrack",
    needs="proc/1/net/stat/nf_conntrack",
    files=("proc/sys/net/netfilter/nf_conntrack_max",),
)
def collect(world: World) -> Iterator[Sample]:
    """Tracked connections, the table's limit and its statistics."""
    # Not sys/net/netfilter/nf_conntrack_count, which in a container counts the container's connections.
    entries, counts = procnet.parse_conntrack(procfs.read_init(world, "net/stat/nf_conntrack"))
    yield ENTRIES(entries)
    with contextlib.suppress(NoData):
        yield LIMIT(procfs.parse_numbers(procfs.read_proc(world, "sys/net/netfilter/nf_conntrack_max"))[0])
    for name, metric in STATISTICS.items():
        if name in counts:
            yield metric(counts[name])
