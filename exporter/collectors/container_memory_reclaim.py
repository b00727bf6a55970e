"""Memory reclaim of containers, from memory.stat and memory.events (mm/memcontrol.c, mm/vmscan.c).

Version 1 of cgroups reports little of it: no events, and no scanned pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    RunningContainer,
    container_metric,
    write_cgroup_lines,
)
from deckwatch.exporter.sources import cgroup_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World

METRICS = {
    b"high": container_metric(
        "container_memory_events_high_total",
        "counter",
        "Times that the container was throttled for exceeding memory.high.",
    ),
    b"max": container_metric(
        "container_memory_events_max_total", "counter", "Times that the memory limit was reached."
    ),
    b"pgscan": container_metric("container_memory_pgscan_total", "counter", "Pages scanned by memory reclaim."),
    b"pgsteal": container_metric("container_memory_pgsteal_total", "counter", "Pages freed by memory reclaim."),
    b"workingset_refault_file": container_metric(
        "container_memory_workingset_refault_file_total", "counter", "File pages read again soon after their eviction."
    ),
    b"workingset_refault_anon": container_metric(
        "container_memory_workingset_refault_anon_total",
        "counter",
        "Anonymous pages swapped in soon after their eviction.",
    ),
    b"file_dirty": container_metric(
        "container_memory_file_dirty_bytes", "gauge", "Page cache not yet written to disk."
    ),
    b"file_writeback": container_metric(
        "container_memory_file_writeback_bytes", "gauge", "Page cache being written to disk."
    ),
    b"active_file": container_metric(
        "container_memory_total_active_file_bytes", "gauge", "Page cache on the active list."
    ),
    b"inactive_file": container_metric(
        "container_memory_total_inactive_file_bytes", "gauge", "Page cache on the inactive list."
    ),
    b"kernel": container_metric(
        "container_memory_kernel_usage",
        "gauge",
        "Kernel memory used on behalf of the container, in bytes.",
        unit="bytes",
    ),
}


@collector(*METRICS.values(), default=False, budget=11 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Scanned, freed and refaulted pages, limit events, and the state of the page cache of each container."""
    return write_cgroup_lines(world, list(METRICS.values()), cgroup_memory.MEMORY_RECLAIM, _to_samples)


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
    for name, value in cgroup_memory.memory_reclaim(raw).items():
        yield METRICS[name](value)
