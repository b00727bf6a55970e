"""Pressure in containers, from their cpu.pressure, memory.pressure and io.pressure (Documentation/accounting/psi.rst).

Off by default: six series for each container. The tree of version 2 has the files, also where it stands beside
version 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.collectors._container import metric, running
from exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.metric import Sample
    from exporter.world import World

METRICS = {
    resource: (
        metric(
            f"container_pressure_{resource}_waiting_seconds_total",
            "counter",
            f"Time in which some tasks of the container waited for {what}.",
        ),
        metric(
            f"container_pressure_{resource}_stalled_seconds_total",
            "counter",
            f"Time in which all tasks of the container waited for {what} at once.",
        ),
    )
    for resource, what in (("cpu", "a CPU"), ("memory", "memory"), ("io", "a disk"))
}


@collector(*(one for pair in METRICS.values() for one in pair), default=False)
def collect(world: World) -> Iterator[Sample]:
    """Time that each container waited for CPU, memory and disks."""
    for _, labels, group in running(world):
        for resource, (waiting, stalled) in METRICS.items():
            found = cgroup_values.pressure(group, resource)
            if found is not None:
                yield waiting(found.waiting, *labels)
                yield stalled(found.stalled, *labels)
