"""What the kernel does to free containers' memory, from memory.stat and memory.events (mm/memcontrol.c, mm/vmscan.c).

With version 1 the kernel tells little of it: no events, and no pages scanned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    RunningContainer,
    container_metric,
    running_containers,
)
from deckwatch.exporter.collectors._container_lines import write_reading
from deckwatch.exporter.sources import cgroup_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.catalog import Kind
    from deckwatch.exporter.metric import Lines, Metric, Sample
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World


def _declare_metric(name: str, kind: Kind, about: str) -> Metric:
    return container_metric(f"container_memory_{name}", kind, about, unit="bytes" if name == "kernel_usage" else "")


METRICS = {
    b"high": _declare_metric(
        "events_high_total", "counter", "Times that it was held up for using more than memory.high."
    ),
    b"max": _declare_metric("events_max_total", "counter", "Times that it met its memory limit."),
    b"pgscan": _declare_metric("pgscan_total", "counter", "Pages that were looked at to find some that can be freed."),
    b"pgsteal": _declare_metric("pgsteal_total", "counter", "Pages that were freed so."),
    b"workingset_refault_file": _declare_metric(
        "workingset_refault_file_total", "counter", "Pages of files that were freed and then needed again."
    ),
    b"workingset_refault_anon": _declare_metric(
        "workingset_refault_anon_total", "counter", "Pages of the programs' own that were swapped out and then needed."
    ),
    b"file_dirty": _declare_metric("file_dirty_bytes", "gauge", "Page cache that is yet to be written."),
    b"file_writeback": _declare_metric("file_writeback_bytes", "gauge", "Page cache that is being written."),
    b"active_file": _declare_metric("total_active_file_bytes", "gauge", "Page cache that was used lately."),
    b"inactive_file": _declare_metric("total_inactive_file_bytes", "gauge", "Page cache that was not used lately."),
    b"kernel": _declare_metric("kernel_usage", "gauge", "Bytes that the kernel itself holds on its behalf."),
}


@collector(*METRICS.values(), default=False, budget=11 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Pages scanned, freed and missed, hits of limits, and the state of the page cache of each container."""
    metrics = list(METRICS.values())
    return write_reading(
        world,
        metrics,
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_memory.MEMORY_RECLAIM),
        _to_samples,
    )


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[Sample]:
    for name, value in cgroup_memory.memory_reclaim(raw).items():
        yield METRICS[name](value)
