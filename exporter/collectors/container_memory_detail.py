"""More about containers' memory, from memory.stat, .peak and .swap.current, or version 1's files (mm/memcontrol.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import container_spec
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

SWAP = container_metric("container_memory_swap", "gauge", "Swap usage in bytes.", unit="bytes")
SWAP_LIMIT = container_metric(
    "container_spec_memory_swap_limit_bytes", "gauge", "Limit of memory and swap together; 0 means no limit."
)
MAPPED = container_metric("container_memory_mapped_file", "gauge", "Memory-mapped files in bytes.", unit="bytes")
PEAK = container_metric(
    "container_memory_max_usage_bytes", "gauge", "Highest memory usage since the container started."
)
FAILCNT = container_metric("container_memory_failcnt", "counter", "Times that the memory limit was hit.")
FAILURES = container_metric("container_memory_failures_total", "counter", "Page faults.", "failure_type", "scope")

METRICS = (SWAP, SWAP_LIMIT, container_spec.RESERVATION, MAPPED, PEAK, FAILCNT, FAILURES)


@collector(*METRICS, default=False, budget=10 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Swap, peak usage, mapped files and page faults of each container, and that it has no memory reservation."""
    return write_cgroup_lines(world, METRICS, cgroup_memory.MEMORY_DETAIL, _to_samples)


def _to_samples(running: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
    memory = cgroup_memory.memory_detail(raw)
    if memory is None:
        return
    if memory.swap is not None:
        yield SWAP(memory.swap)
    yield SWAP_LIMIT(max(0, running.container.limits.memory_swap))
    if not running.container.limits.memory_reservation:  # else container_spec shows it
        yield container_spec.RESERVATION(0)
    yield MAPPED(memory.mapped_file)
    if memory.peak is not None:
        yield PEAK(memory.peak)
    if memory.limit_hits is not None:
        yield FAILCNT(memory.limit_hits)
    # The kernel counts both scopes together since the optional hierarchies of version 1 were removed.
    for scope in ("container", "hierarchy"):
        yield FAILURES(memory.page_faults, "pgfault", scope)
        yield FAILURES(memory.major_faults, "pgmajfault", scope)
