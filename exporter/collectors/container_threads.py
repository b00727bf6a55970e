"""Threads of containers and the most that they may have, from pids.current and pids.max (kernel/cgroup/pids.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.collectors._container import metric, running
from exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.metric import Sample
    from exporter.world import World

THREADS = metric("container_threads", "gauge", "Threads in the container.")
THREADS_MAX = metric("container_threads_max", "gauge", "Most threads that it may have; 0 is no limit.")


@collector(THREADS, THREADS_MAX, default=False)
def collect(world: World) -> Iterator[Sample]:
    """Number of threads in each container, and its limit."""
    for _, labels, group in running(world):
        found = cgroup_values.threads(group)
        if found is not None:
            yield THREADS(found[0], *labels)
            yield THREADS_MAX(found[1], *labels)
