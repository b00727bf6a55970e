"""Pressure stall information of containers, from their cpu, memory and io.pressure (Documentation/accounting/psi.rst).

Off by default: six series per container. Only cgroup v2 has the files, also where it is mounted beside version 1.
"""

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

PAIRS = tuple(
    (
        container_metric(
            f"container_pressure_{resource}_waiting_seconds_total",
            "counter",
            f"Time in which at least one task of the container was waiting for {noun}.",
        ),
        container_metric(
            f"container_pressure_{resource}_stalled_seconds_total",
            "counter",
            f"Time in which all tasks of the container were waiting for {noun}.",
        ),
    )
    for resource, noun in (("cpu", "CPU time"), ("memory", "memory"), ("io", "I/O"))
)
METRICS = tuple(metric for pair in PAIRS for metric in pair)


@collector(*METRICS, default=False, budget=6 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Time that each container waited for CPU, memory and I/O."""
    return write_cgroup_lines(world, METRICS, cgroup_values.PRESSURE, _to_samples)


def _to_samples(_: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
    for (waiting, stalled), pressure in zip(PAIRS, cgroup_values.pressure_totals(raw), strict=True):
        if pressure is not None:
            yield waiting(pressure.waiting)
            yield stalled(pressure.stalled)
