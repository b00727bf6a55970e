"""Threads of containers and their limit, from pids.current and pids.max (kernel/cgroup/pids.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    RunningContainer,
    container_metric,
    write_cgroup_lines,
)
from deckwatch.exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World

THREADS = container_metric("container_threads", "gauge", "Threads in the container.")
THREADS_MAX = container_metric("container_threads_max", "gauge", "Maximum number of threads; 0 means no limit.")


@collector(THREADS, THREADS_MAX, default=False, budget=2 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Number of threads in each container, and its limit."""
    return write_cgroup_lines(world, (THREADS, THREADS_MAX), cgroup_values.THREADS, _to_samples)


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
    threads = cgroup_values.thread_counts(raw)
    if threads is not None:
        current, limit = threads
        yield THREADS(current)
        yield THREADS_MAX(limit)
