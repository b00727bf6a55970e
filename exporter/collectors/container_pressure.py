"""Pressure in containers, from their cpu.pressure, memory.pressure and io.pressure (Documentation/accounting/psi.rst).

Off by default: six series for each container. The tree of version 2 has the files, also where it stands beside
version 1.
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
from deckwatch.exporter.sources import cgroup_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World

METRICS = {
    resource: (
        container_metric(
            f"container_pressure_{resource}_waiting_seconds_total",
            "counter",
            f"Time in which some tasks of the container waited for {what}.",
        ),
        container_metric(
            f"container_pressure_{resource}_stalled_seconds_total",
            "counter",
            f"Time in which all tasks of the container waited for {what} at once.",
        ),
    )
    for resource, what in (("cpu", "a CPU"), ("memory", "memory"), ("io", "a disk"))
}


PAIRS = METRICS.values()


@collector(*(one for pair in PAIRS for one in pair), default=False, budget=6 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Time that each container waited for CPU, memory and disks."""
    metrics = [one for pair in PAIRS for one in pair]
    return write_reading(
        world,
        metrics,
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_values.PRESSURE),
        _to_samples,
    )


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[Sample]:
    for (waiting, stalled), found in zip(PAIRS, cgroup_values.pressure_totals(raw), strict=True):
        if found is not None:
            yield waiting(found.waiting)
            yield stalled(found.stalled)
