"""Paging, swapping and kills for want of memory, from /proc/vmstat (mm/vmstat.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

# Counters all, but node_exporter gives them no type.
METRICS = {
    b"pgpgin": Metric("node_vmstat_pgpgin", "untyped", "KiB read from disks."),
    b"pgpgout": Metric("node_vmstat_pgpgout", "untyped", "KiB written to disks."),
    b"pswpin": Metric("node_vmstat_pswpin", "untyped", "Pages brought in from swap."),
    b"pswpout": Metric("node_vmstat_pswpout", "untyped", "Pages put out to swap."),
    b"pgfault": Metric("node_vmstat_pgfault", "untyped", "Page faults, minor and major."),
    b"pgmajfault": Metric("node_vmstat_pgmajfault", "untyped", "Page faults that had to read from a disk."),
    b"oom_kill": Metric("node_vmstat_oom_kill", "untyped", "Processes killed because memory ran out."),
}


@collector(*METRICS.values(), peer="node:vmstat")
def collect(world: World) -> Iterator[Sample]:
    """Pages read, written, swapped and faulted, and kills for want of memory."""
    found = procfs.split_pairs(procfs.read_proc(world, "vmstat"))
    for name, metric in METRICS.items():
        if name in found:
            yield metric(int(found[name]))
