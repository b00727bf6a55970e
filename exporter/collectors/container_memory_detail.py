"""More of containers' memory: swap, peak, mapped files, page faults, hits of the limit (mm/memcontrol.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.collectors._container import metric, running
from exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.metric import Sample
    from exporter.world import World

SWAP = metric("container_memory_swap", "gauge", "Bytes swapped out.")
SWAP_LIMIT = metric(
    "container_spec_memory_swap_limit_bytes", "gauge", "Most memory and swap together; only where there is a limit."
)
MAPPED = metric("container_memory_mapped_file", "gauge", "Bytes of files that are mapped into memory.")
PEAK = metric("container_memory_max_usage_bytes", "gauge", "Most memory that was in use since the container started.")
FAILCNT = metric("container_memory_failcnt", "counter", "Allocations that met the memory limit.")
FAILURES = metric("container_memory_failures_total", "counter", "Page faults.", "failure_type", "scope")


@collector(SWAP, SWAP_LIMIT, MAPPED, PEAK, FAILCNT, FAILURES, default=False)
def collect(world: World) -> Iterator[Sample]:
    """Swap, peak, mapped files and page faults of each container."""
    for container, labels, group in running(world):
        found = cgroup_values.memory_detail(group)
        if found is None:
            continue
        yield SWAP(found.swap, *labels)
        if container.limits.memory_swap > 0:
            yield SWAP_LIMIT(container.limits.memory_swap, *labels)
        yield MAPPED(found.mapped_file, *labels)
        if found.peak is not None:
            yield PEAK(found.peak, *labels)
        yield FAILCNT(found.limit_hits, *labels)
        for scope in ("container", "hierarchy"):  # the kernel counts both as one since hierarchies are the only kind
            yield FAILURES(found.page_faults, *labels, "pgfault", scope)
            yield FAILURES(found.major_faults, *labels, "pgmajfault", scope)
