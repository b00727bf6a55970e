"""Counters over all CPUs: context switches, interrupts, forks, from /proc/stat (fs/proc/stat.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

METRICS = {
    b"intr": Metric("node_intr_total", "counter", "Interrupts serviced."),
    b"ctxt": Metric("node_context_switches_total", "counter", "Context switches over all CPUs."),
    b"processes": Metric("node_forks_total", "counter", "Processes and threads created."),
    b"btime": Metric("node_boot_time_seconds", "gauge", "Boot time, as a Unix time."),
    b"procs_running": Metric("node_procs_running", "gauge", "Tasks running or ready to run."),
    b"procs_blocked": Metric("node_procs_blocked", "gauge", "Tasks blocked on I/O."),
}


@collector(*METRICS.values(), peer="node:stat", needs="proc/stat")
def collect(world: World) -> Iterator[Sample]:
    """Context switches, interrupts, forks, boot time, running and blocked tasks."""
    counts = procfs.parse_stat(procfs.read_proc(world, "stat"))
    for name, metric in METRICS.items():
        if name in counts:
            yield metric(counts[name])
