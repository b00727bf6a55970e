"""Open files of the whole machine, from /proc/sys/fs/file-nr (fs/file_table.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

ALLOCATED = Metric("node_filefd_allocated", "gauge", "Allocated file descriptors, over all processes.")
MAXIMUM = Metric("node_filefd_maximum", "gauge", "Maximum number of file descriptors (fs.file-max).")


@collector(ALLOCATED, MAXIMUM, peer="node:filefd", needs="proc/sys/fs/file-nr")
def collect(world: World) -> Iterator[Sample]:
    """Open files and their limit."""
    allocated, _free, maximum = procfs.parse_numbers(procfs.read_proc(world, "sys/fs/file-nr"), 3)[:3]
    yield ALLOCATED(allocated)
    yield MAXIMUM(maximum)
