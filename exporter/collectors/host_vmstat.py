"""Paging, swapping and OOM kills, from /proc/vmstat (mm/vmstat.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

# All are counters, but node_exporter declares them as untyped.
METRICS = {
    b"pgpgin": Metric("node_vmstat_pgpgin", "untyped", "KiB read from disks."),
    b"pgpgout": Metric("node_vmstat_pgpgout", "untyped", "KiB written to disks."),
    b"pswpin": Metric("node_vmstat_pswpin", "untyped", "Pages swapped in."),
    b"pswpout": Metric("node_vmstat_pswpout", "untyped", "Pages swapped out."),
    b"pgfault": Metric("node_vmstat_pgfault", "untyped", "Page faults, minor and major."),
    b"pgmajfault": Metric("node_vmstat_pgmajfault", "untyped", "Major page faults, which read from a disk."),
    b"oom_kill": Metric("node_vmstat_oom_kill", "untyped", "Processes killed by the OOM killer."),
}


@collector(*METRICS.values(), peer="node:vmstat", needs="proc/vmstat")
def collect(world: World) -> Iterator[Sample]:
    """Pages read, written and swapped, page faults, and OOM kills."""
    counts = procfs.split_pairs(procfs.read_proc(world, "vmstat"))
    for name, metric in METRICS.items():
        if name in counts:
            yield metric(int(counts[name]))
