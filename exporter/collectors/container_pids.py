"""Processes of containers, from cgroup.procs (kernel/cgroup/cgroup.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.collectors._container import metric, running
from exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.metric import Sample
    from exporter.world import World

PROCESSES = metric("container_processes", "gauge", "Processes in the container.")


@collector(PROCESSES)
def collect(world: World) -> Iterator[Sample]:
    """Number of processes in each container."""
    for _, labels, group in running(world):
        found = cgroup_values.processes(group)
        if found is not None:
            yield PROCESSES(found, *labels)
