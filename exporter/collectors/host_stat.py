"""What the kernel counts over all CPUs: context switches, interrupts, forks, from /proc/stat (fs/proc/stat.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

METRICS = {
    b"intr": Metric("node_intr_total", "counter", "Interrupts served."),
    b"ctxt": Metric("node_context_switches_total", "counter", "Context switches over all CPUs."),
    b"processes": Metric("node_forks_total", "counter", "Processes and threads created."),
    b"btime": Metric("node_boot_time_seconds", "gauge", "When the machine was started, in seconds since 1970."),
    b"procs_running": Metric("node_procs_running", "gauge", "Tasks that run or are ready to."),
    b"procs_blocked": Metric("node_procs_blocked", "gauge", "Tasks that wait for input or output to end."),
}


@collector(*METRICS.values(), peer="node:stat")
def collect(world: World) -> Iterator[Sample]:
    """Context switches, interrupts, forks, boot time, running and blocked tasks."""
    found = procfs.parse_stat(procfs.read_proc(world, "stat"))
    for name, metric in METRICS.items():
        if name in found:
            yield metric(found[name])
