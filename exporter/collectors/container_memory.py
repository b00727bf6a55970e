"""Memory of containers, from memory.current, .stat and .events, or version 1's counterparts (mm/memcontrol.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.collectors._container import metric, running
from exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.metric import Sample
    from exporter.world import World

USAGE = metric("container_memory_usage_bytes", "gauge", "Memory in use, with the page cache.")
WORKING_SET = metric(
    "container_memory_working_set_bytes", "gauge", "Memory in use, less file pages that were not used lately."
)
RSS = metric("container_memory_rss", "gauge", "Bytes of anonymous memory: what the programs themselves hold.")
CACHE = metric("container_memory_cache", "gauge", "Bytes of the page cache.")
OOM_EVENTS = metric(
    "container_oom_events_total",
    "counter",
    "Processes that were killed for want of memory since the container started.",
)


@collector(USAGE, WORKING_SET, RSS, CACHE, OOM_EVENTS)
def collect(world: World) -> Iterator[Sample]:
    """Memory that each container uses, and OOM kills in it."""
    for _, labels, group in running(world):
        found = cgroup_values.memory(group)
        if found is None:
            continue
        yield USAGE(found.usage, *labels)
        yield WORKING_SET(found.working_set, *labels)
        yield RSS(found.rss, *labels)
        yield CACHE(found.cache, *labels)
        yield OOM_EVENTS(found.oom_kills, *labels)
