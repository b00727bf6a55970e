"""Processes of containers, from cgroup.procs (kernel/cgroup/cgroup.c)."""

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

PROCESSES = container_metric("container_processes", "gauge", "Processes in the container.")


@collector(PROCESSES, budget=1 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Number of processes in each container."""
    return write_cgroup_lines(world, [PROCESSES], cgroup_values.PROCESSES, _to_samples)


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
    count = cgroup_values.count_processes(raw)
    if count is not None:
        yield PROCESSES(count)
