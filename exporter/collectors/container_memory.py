"""Memory of containers, from memory.current, .stat and .events, or version 1's counterparts (mm/memcontrol.c)."""

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

USAGE = container_metric("container_memory_usage_bytes", "gauge", "Memory in use, with the page cache.")
WORKING_SET = container_metric(
    "container_memory_working_set_bytes", "gauge", "Memory in use, less file pages that were not used lately."
)
RSS = container_metric(
    "container_memory_rss", "gauge", "Bytes of anonymous memory: what the programs themselves hold.", unit="bytes"
)
CACHE = container_metric("container_memory_cache", "gauge", "Bytes of the page cache.", unit="bytes")
OOM_EVENTS = container_metric(
    "container_oom_events_total",
    "counter",
    "Processes that were killed for want of memory since the container started.",
)


METRICS = (USAGE, WORKING_SET, RSS, CACHE, OOM_EVENTS)


@collector(*METRICS, budget=5 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Memory that each container uses, and OOM kills in it."""
    return write_reading(
        world,
        METRICS,
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_memory.MEMORY),
        _to_samples,
    )


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[Sample]:
    found = cgroup_memory.memory_usage(raw)
    if found is None:
        return
    yield USAGE(found.usage)
    for one, value in ((WORKING_SET, found.working_set), (RSS, found.rss), (CACHE, found.cache)):
        if value is not None:
            yield one(value)
    yield OOM_EVENTS(found.oom_kills)
