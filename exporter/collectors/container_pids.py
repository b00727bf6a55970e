"""Processes of containers, from cgroup.procs (kernel/cgroup/cgroup.c)."""

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

PROCESSES = container_metric("container_processes", "gauge", "Processes in the container.")


@collector(PROCESSES, budget=1 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Number of processes in each container."""
    return write_reading(
        world,
        [PROCESSES],
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_values.PROCESSES),
        _to_samples,
    )


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[Sample]:
    found = cgroup_values.count_processes(raw)
    if found is not None:
        yield PROCESSES(found)
