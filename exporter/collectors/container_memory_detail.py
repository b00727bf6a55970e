"""More of containers' memory, from memory.stat, .peak and .swap.current, or version 1's likes (mm/memcontrol.c)."""

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

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World

SWAP = container_metric("container_memory_swap", "gauge", "Bytes swapped out.", unit="bytes")
SWAP_LIMIT = container_metric(
    "container_spec_memory_swap_limit_bytes", "gauge", "Most memory and swap together; only where there is a limit."
)
MAPPED = container_metric(
    "container_memory_mapped_file", "gauge", "Bytes of files that are mapped into memory.", unit="bytes"
)
PEAK = container_metric(
    "container_memory_max_usage_bytes", "gauge", "Most memory that was in use since the container started."
)
FAILCNT = container_metric("container_memory_failcnt", "counter", "Allocations that met the memory limit.")
FAILURES = container_metric("container_memory_failures_total", "counter", "Page faults.", "failure_type", "scope")


METRICS = (SWAP, SWAP_LIMIT, MAPPED, PEAK, FAILCNT, FAILURES)


@collector(*METRICS, default=False, budget=9 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Swap, peak, mapped files and page faults of each container."""
    return write_reading(
        world,
        METRICS,
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_memory.MEMORY_DETAIL),
        _to_samples,
    )


def _to_samples(one: RunningContainer, raw: Raw) -> Iterator[Sample]:
    found = cgroup_memory.memory_detail(raw)
    if found is None:
        return
    if found.swap is not None:
        yield SWAP(found.swap)
    if one.container.limits.memory_swap > 0:
        yield SWAP_LIMIT(one.container.limits.memory_swap)
    yield MAPPED(found.mapped_file)
    if found.peak is not None:
        yield PEAK(found.peak)
    if found.limit_hits is not None:
        yield FAILCNT(found.limit_hits)
    for scope in ("container", "hierarchy"):  # the kernel counts both as one since hierarchies are the only kind
        yield FAILURES(found.page_faults, "pgfault", scope)
        yield FAILURES(found.major_faults, "pgmajfault", scope)
