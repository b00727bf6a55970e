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

# By file and line; `full` of the CPU is undefined for the whole system and always 0.
METRICS = {
    ("cpu", "some"): Metric(
        "node_pressure_cpu_waiting_seconds_total",
        "counter",
        "Time in which at least one task was waiting for CPU time.",
    ),
    ("io", "some"): Metric(
        "node_pressure_io_waiting_seconds_total", "counter", "Time in which at least one task was waiting for I/O."
    ),
    ("io", "full"): Metric(
        "node_pressure_io_stalled_seconds_total", "counter", "Time in which all tasks were waiting for I/O."
    ),
    ("memory", "some"): Metric(
        "node_pressure_memory_waiting_seconds_total",
        "counter",
        "Time in which at least one task was waiting for memory.",
    ),
    ("memory", "full"): Metric(
        "node_pressure_memory_stalled_seconds_total", "counter", "Time in which all tasks were waiting for memory."
    ),
    ("irq", "full"): Metric(
        "node_pressure_irq_stalled_seconds_total", "counter", "Time in which all tasks were stalled by interrupts."
    ),
}


@collector(*METRICS.values(), peer="node:pressure", needs="proc/pressure", files=("proc/pressure/*",))
def collect(world: World) -> Iterator[Sample]:
    """Time in which tasks waited for CPU, memory or I/O."""
    totals = {}
    for resource in dict.fromkeys(resource for resource, _ in METRICS):
        for share, microseconds in _read_pressure(world, resource).items():
            totals[resource, share] = microseconds
    if not totals:
        raise NoData("this kernel has no pressure stall information (CONFIG_PSI, psi=1)")
    for key, metric in METRICS.items():
        if key in totals:
            yield metric(totals[key] / 1e6)


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
