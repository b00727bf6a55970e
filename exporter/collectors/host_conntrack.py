"""Connections that the firewall follows, from net/stat/nf_conntrack (net/netfilter/nf_conntrack_standalone.c)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

ENTRIES = Metric("node_nf_conntrack_entries", "gauge", "Connections that are followed.")
LIMIT = Metric("node_nf_conntrack_entries_limit", "gauge", "Most connections that can be followed.")


def _declare_gauge(name: str, about: str) -> Metric:
    return Metric(f"node_nf_conntrack_stat_{name}", "gauge", about)


# Counters all, but node_exporter calls them gauges.
STATISTICS = {
    "found": _declare_gauge("found", "Connections found when looked up."),
    "invalid": _declare_gauge("invalid", "Packets that belong to no connection."),
    "ignore": _declare_gauge("ignore", "Packets whose connection was known already."),
    "insert": _declare_gauge("insert", "Connections that were entered."),
    "insert_failed": _declare_gauge("insert_failed", "Connections that could not be entered."),
    "drop": _declare_gauge("drop", "Packets dropped because their connection could not be followed."),
    "early_drop": _declare_gauge("early_drop", "Connections given up to make room for new ones."),
    "search_restart": _declare_gauge("search_restart", "Look-ups begun again because the table changed meanwhile."),
}


@collector(ENTRIES, LIMIT, *STATISTICS.values(), peer="node:conntrack")
def collect(world: World) -> Iterator[Sample]:
    """Connections that the firewall follows, and how many it could."""
    # Not sys/net/netfilter/nf_conntrack_count, which in a container counts the container's own.
    entries, counts = procnet.parse_conntrack(procfs.read_init(world, "net/stat/nf_conntrack"))
    yield ENTRIES(entries)
    with contextlib.suppress(NoData):
        yield LIMIT(procfs.parse_numbers(procfs.read_proc(world, "sys/net/netfilter/nf_conntrack_max"))[0])
    for name, metric in STATISTICS.items():
        if name in counts:
            yield metric(counts[name])
