"""Memory of containers, from memory.current, .stat and .events, or version 1's counterparts (mm/memcontrol.c)."""

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

USAGE = container_metric("container_memory_usage_bytes", "gauge", "Memory usage, including the page cache.")
WORKING_SET = container_metric(
    "container_memory_working_set_bytes", "gauge", "Memory usage without inactive file pages."
)
RSS = container_metric("container_memory_rss", "gauge", "Anonymous memory in bytes.", unit="bytes")
CACHE = container_metric("container_memory_cache", "gauge", "Page cache in bytes.", unit="bytes")
OOM_EVENTS = container_metric("container_oom_events_total", "counter", "OOM kills since the container started.")

METRICS = (USAGE, WORKING_SET, RSS, CACHE, OOM_EVENTS)


@collector(*METRICS, budget=5 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Memory usage and OOM kills of each container."""
    return write_cgroup_lines(world, METRICS, cgroup_memory.MEMORY, _to_samples)


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
    memory = cgroup_memory.memory_usage(raw)
    if memory is None:
        return
    yield USAGE(memory.usage)
    for metric, value in ((WORKING_SET, memory.working_set), (RSS, memory.rss), (CACHE, memory.cache)):
        if value is not None:
            yield metric(value)
    yield OOM_EVENTS(memory.oom_kills)
