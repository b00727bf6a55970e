"""Threads of containers and the most that they may have, from pids.current and pids.max (kernel/cgroup/pids.c)."""

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
from deckwatch.exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World

THREADS = container_metric("container_threads", "gauge", "Threads in the container.")
THREADS_MAX = container_metric("container_threads_max", "gauge", "Most threads that it may have; 0 is no limit.")


@collector(THREADS, THREADS_MAX, default=False, budget=2 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Number of threads in each container, and its limit."""
    metrics = (THREADS, THREADS_MAX)
    return write_reading(
        world,
        metrics,
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_values.THREADS),
        _to_samples,
    )


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[Sample]:
    found = cgroup_values.thread_counts(raw)
    if found is not None:
        yield THREADS(found[0])
        yield THREADS_MAX(found[1])
