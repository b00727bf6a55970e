"""Resource usage of this exporter, under the names of all Prometheus client libraries, from /proc/self."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs
from deckwatch.exporter.sources.files import read_once
from deckwatch.exporter.sources.process import parse_limits, parse_stat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

CPU = Metric("process_cpu_seconds_total", "counter", "User and system CPU time consumed.")
START = Metric("process_start_time_seconds", "gauge", "Start time of the process, as a Unix time.")
VIRTUAL = Metric("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.")
MAX_VIRTUAL = Metric(
    "process_virtual_memory_max_bytes", "gauge", "Limit of virtual memory in bytes; -1 means no limit."
)
RESIDENT = Metric("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.")
OPEN = Metric("process_open_fds", "gauge", "Number of open file descriptors.")
MAX_OPEN = Metric("process_max_fds", "gauge", "Maximum number of open file descriptors.")


@collector(CPU, START, VIRTUAL, MAX_VIRTUAL, RESIDENT, OPEN, MAX_OPEN)
def collect(world: World) -> Iterator[Sample]:
    """CPU time, memory and open files of this exporter."""
    booted = procfs.parse_stat(procfs.read_proc(world, "stat"))[b"btime"]
    usage = parse_stat(read_once(f"{world.procfs}/self/stat"))
    yield CPU(usage.cpu_ticks / world.user_hz)
    yield START(booted + usage.start_ticks / world.user_hz)
    yield VIRTUAL(usage.virtual_bytes)
    yield RESIDENT(usage.resident_pages * world.page_size)
    yield OPEN(_count_open_files(f"{world.procfs}/self/fd"))
    limits = parse_limits(read_once(f"{world.procfs}/self/limits"))
    yield MAX_OPEN(limits.open_files)
    yield MAX_VIRTUAL(limits.address_space_bytes if math.isfinite(limits.address_space_bytes) else -1)


def _count_open_files(folder: str) -> int:
    """Return the number of open files: since Linux 6.2 the folder's size (fs/proc/fd.c), which avoids listing it."""
    return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208 - a Path adds nothing here
