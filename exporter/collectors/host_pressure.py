"""Pressure stall information, from /proc/pressure (kernel/sched/psi.c, Documentation/accounting/psi.rst)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

# By file and line; `full` of the CPU says nothing for a whole machine and is always 0.
METRICS = {
    ("cpu", "some"): Metric(
        "node_pressure_cpu_waiting_seconds_total", "counter", "Time in which some task waited for a CPU."
    ),
    ("io", "some"): Metric(
        "node_pressure_io_waiting_seconds_total", "counter", "Time in which some task waited for input or output."
    ),
    ("io", "full"): Metric(
        "node_pressure_io_stalled_seconds_total", "counter", "Time in which all tasks waited for input or output."
    ),
    ("memory", "some"): Metric(
        "node_pressure_memory_waiting_seconds_total", "counter", "Time in which some task waited for memory."
    ),
    ("memory", "full"): Metric(
        "node_pressure_memory_stalled_seconds_total", "counter", "Time in which all tasks waited for memory."
    ),
    ("irq", "full"): Metric(
        "node_pressure_irq_stalled_seconds_total", "counter", "Time that interrupts took from all tasks."
    ),
}


@collector(*METRICS.values(), peer="node:pressure")
def collect(world: World) -> Iterator[Sample]:
    """Time in which tasks waited for CPU, memory or I/O."""
    found = {}
    for resource in dict.fromkeys(resource for resource, _ in METRICS):
        for share, microseconds in _read_pressure(world, resource).items():
            found[resource, share] = microseconds
    if not found:
        raise NoData("this kernel has no pressure stall information (CONFIG_PSI, psi=1)")
    for key, metric in METRICS.items():
        if key in found:
            yield metric(found[key] / 1e6)


def _read_pressure(world: World, resource: str) -> dict[str, int]:
    """Return a resource's totals; empty where the kernel keeps none (`irq` came with Linux 6.1)."""
    try:
        return procfs.parse_pressure(procfs.read_proc(world, f"pressure/{resource}"))
    except NoData:
        return {}
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:  # compiled in, but off: psi=0
            return {}
        raise
