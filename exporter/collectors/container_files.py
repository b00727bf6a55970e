"""Open files of containers and their limit, from /proc/<pid>/fd of all their processes and /proc/<pid>/limits.

Off by default: every open file is inspected and only root may do so. An exporter in its own process namespace does not
see the containers' processes; then only the limit is shown.
"""

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
from deckwatch.exporter.sources import cgroup_values, container_fds
from deckwatch.exporter.sources.container_process import ContainerProcesses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.sources.container_fds import OpenFiles
    from deckwatch.exporter.world import Reading, World

FILES = container_metric("container_file_descriptors", "gauge", "Open files of all processes in the container.")
SOCKETS = container_metric("container_sockets", "gauge", "Open sockets of all processes in the container.")
LIMIT = container_metric(
    "container_ulimits_soft", "gauge", "Soft ulimit of the container's first process; -1 means no limit.", "ulimit"
)

METRICS = (FILES, SOCKETS, LIMIT)


@collector(*METRICS, default=False, budget=3 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Open files and sockets of each container, and the limit."""
    processes = world.source(ContainerProcesses)

    def make_reader(running: RunningContainer) -> Callable[[], tuple[OpenFiles | None, bytes | None]]:
        members = running.cgroup.make_reader(cgroup_values.PROCESSES)
        read_limits = processes.make_reader(running.container, "limits")

        def read_raw() -> tuple[OpenFiles | None, bytes | None]:
            pids = cgroup_values.list_pids(members())
            # In a process namespace of our own, these pids would belong to other processes.
            same_namespace = running.container.pid in pids
            open_files = container_fds.count_open_files(world.procfs, pids) if same_namespace else None
            return open_files, read_limits()

        return read_raw

    return write_reading(world, METRICS, running_containers(world), make_reader, _to_samples)


def _to_samples(_: RunningContainer, raw: tuple[OpenFiles | None, bytes | None]) -> Iterator[ContainerSample]:
    open_files, limits = raw
    if open_files is not None:
        yield FILES(open_files.files)
        yield SOCKETS(open_files.sockets)
    if limits is not None:
        yield LIMIT(container_fds.parse_open_files(limits), "max_open_files")
