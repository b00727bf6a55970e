"""Files that containers have open and may have open, from /proc/<pid>/fd of all their processes, /proc/<pid>/limits.

Off by default: every open file is looked at, only root may do so, and where the exporter has a process namespace of its
own it does not know the processes. Then the limit alone is shown.
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

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.sources.container_fds import OpenFiles
    from deckwatch.exporter.world import Reading, World

FILES = container_metric("container_file_descriptors", "gauge", "Files that its processes have open.")
SOCKETS = container_metric("container_sockets", "gauge", "Sockets among them.")
LIMIT = container_metric(
    "container_ulimits_soft", "gauge", "What its first process may have open; -1 is no limit.", "ulimit"
)

METRICS = (FILES, SOCKETS, LIMIT)


@collector(*METRICS, default=False, budget=3 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Open files and sockets of each container, and the limit."""
    processes = world.source(ContainerProcesses)

    def make_reader(one: RunningContainer) -> Callable[[], tuple[OpenFiles | None, bytes | None]]:
        members = one.cgroup.make_reader(cgroup_values.PROCESSES)

        def read_raw() -> tuple[OpenFiles | None, bytes | None]:
            pids = cgroup_values.list_pids(members())
            # Numbers of a namespace of our own would be those of other processes there.
            ours = one.container.pid in pids
            opened = container_fds.count_open_files(world.procfs, pids) if ours else None
            return opened, processes.read_file(one.container, "limits")

        return read_raw

    return write_reading(world, METRICS, running_containers(world), make_reader, _to_samples)


def _to_samples(_: RunningContainer, raw: tuple[OpenFiles | None, bytes | None]) -> Iterator[Sample]:
    opened, limits = raw
    if opened is not None:
        yield FILES(opened.files)
        yield SOCKETS(opened.sockets)
    if limits is not None:
        yield LIMIT(container_fds.parse_open_files(limits), "max_open_files")
