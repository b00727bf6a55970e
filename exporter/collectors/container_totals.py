"""The machine as cAdvisor's container with id="/", from /proc/stat, meminfo, 1/net/dev, diskstats and statvfs(2).

Off by default: the host collectors have the same values, and a query of all containers that does not exclude this one
counts everything twice. Like cAdvisor's it has neither name nor image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors import (
    _host_filters,
    container_cpu,
    container_fs,
    container_io,
    container_io_detail,
    container_memory,
    container_memory_detail,
    container_network,
    container_spec,
    container_state,
)
from deckwatch.exporter.collectors._container import LABELS, container_metric
from deckwatch.exporter.metric import Sample
from deckwatch.exporter.sources import mounts, procfs, procnet
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.sources.mount_table import MountTable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Metric
    from deckwatch.exporter.world import World

_SECTOR_BYTES = 512

READS_MERGED = container_metric(
    "container_fs_reads_merged_total", "counter", "Reads merged with an adjacent one; of the whole disk.", "device"
)
WRITES_MERGED = container_metric(
    "container_fs_writes_merged_total", "counter", "Writes merged with an adjacent one; of the whole disk.", "device"
)
READ_TIME = container_metric(
    "container_fs_read_seconds_total", "counter", "Time spent reading; of the whole disk.", "device"
)
WRITE_TIME = container_metric(
    "container_fs_write_seconds_total", "counter", "Time spent writing; of the whole disk.", "device"
)
IO_NOW = container_metric("container_fs_io_current", "gauge", "I/O requests in progress; of the whole disk.", "device")
IO_TIME = container_metric(
    "container_fs_io_time_seconds_total",
    "counter",
    "Time in which at least one I/O request was in progress; of the whole disk.",
    "device",
)
IO_TIME_WEIGHTED = container_metric(
    "container_fs_io_time_weighted_seconds_total",
    "counter",
    "Time spent on I/O, weighted by the number of requests in progress; of the whole disk.",
    "device",
)

# By column of /proc/diskstats, with the factor to the metric's unit.
_DISK_COLUMNS: tuple[tuple[int, Metric, float], ...] = (
    (0, container_io.READS, 1),
    (1, READS_MERGED, 1),
    (2, container_io.READ_BYTES, _SECTOR_BYTES),
    (2, container_io_detail.SECTORS_READ, 1),
    (3, READ_TIME, 1e-3),
    (4, container_io.WRITES, 1),
    (5, WRITES_MERGED, 1),
    (6, container_io.WRITTEN_BYTES, _SECTOR_BYTES),
    (6, container_io_detail.SECTORS_WRITTEN, 1),
    (7, WRITE_TIME, 1e-3),
    (8, IO_NOW, 1),
    (9, IO_TIME, 1e-3),
    (10, IO_TIME_WEIGHTED, 1e-3),
)
_CPU = (container_cpu.USAGE, container_cpu.USER, container_cpu.SYSTEM)
_MEMORY = (container_memory.USAGE, container_memory.WORKING_SET, container_memory.RSS, container_memory.CACHE)
_MEMORY_DETAIL = (container_memory_detail.SWAP, container_memory_detail.MAPPED, container_spec.MEMORY)
_SPACE = (container_fs.USAGE, container_fs.LIMIT, container_fs.INODES, container_fs.INODES_FREE)
METRICS = (
    *(*_CPU, *_MEMORY, *_MEMORY_DETAIL, *container_network.METRICS, *_SPACE, container_state.LAST_SEEN),
    *(metric for _, metric, _ in _DISK_COLUMNS),
)


@collector(*METRICS, default=False)
def collect(world: World) -> Iterator[Sample]:
    """CPU time, memory, network, disks and file systems of the whole machine, under cAdvisor's names with id="/"."""
    engine = world.source(Engine).latest_snapshot()
    if engine is not None and engine.kernel not in ("", world.uname().release):
        raise NoData("the containers run on another machine")
    yield _total_sample(container_state.LAST_SEEN, world.clock())
    yield from _cpu_samples(procfs.read_proc(world, "stat"), world.user_hz)
    yield from _memory_samples(procfs.parse_meminfo(procfs.read_proc(world, "meminfo")))
    interfaces = procnet.parse_dev(procfs.read_init(world, "net/dev"), container_network.is_own_interface)
    for interface, counters in interfaces.items():
        for column, counter in container_network.COLUMNS.items():
            yield _total_sample(counter, counters[column], interface)
    shown = world.source(_host_filters.HostFilters).disks
    for disk in procfs.parse_diskstats(procfs.read_proc(world, "diskstats")):
        if shown.is_shown(disk.name):
            for column, metric, factor in _DISK_COLUMNS:
                yield _total_sample(metric, disk.counters[column] * factor, f"/dev/{disk.name}")
    yield from _space_samples(world)


class _SpaceQueries(mounts.SpaceQueries):
    """The queries of this collector: one under way makes those of host_filesystem neither wait nor fail."""


def _total_sample(metric: Metric, value: float, *extra_labels: str) -> Sample:
    return Sample(metric, ("/", *[""] * (len(LABELS) - 1), *extra_labels), value)


def _cpu_samples(stat: bytes, user_hz: int) -> Iterator[Sample]:
    """Yield CPU time from /proc/stat: columns user, nice, system, idle, iowait, irq, softirq; guests are in user."""
    columns = [sum(column) for column in zip(*procfs.parse_cpus(stat).values(), strict=True)]
    user = sum(columns[:2]) / user_hz
    system = (columns[2] + sum(columns[5:7])) / user_hz
    yield _total_sample(container_cpu.USAGE, user + system, "total")
    yield _total_sample(container_cpu.USER, user)
    yield _total_sample(container_cpu.SYSTEM, system)


def _memory_samples(memory: dict[bytes, procfs.Amount]) -> Iterator[Sample]:
    """Yield memory as the kernel's version 1 and cAdvisor count the root group: anonymous and file pages.

    With version 2 it has no such files (mem_cgroup_usage in mm/memcontrol.c).
    """
    names = (b"MemTotal", b"Inactive(file)", b"AnonPages", b"Cached", b"Buffers", b"SwapCached")
    total, inactive, anonymous, cached, buffers, swap_cached = (
        procfs.required_value(memory, name).value for name in names
    )
    swap_total, swap_free, mapped = (
        procfs.required_value(memory, name).value for name in (b"SwapTotal", b"SwapFree", b"Mapped")
    )
    files = cached + buffers + swap_cached  # undoes meminfo_proc_show's subtraction
    yield _total_sample(container_memory.USAGE, anonymous + files)
    yield _total_sample(container_memory.WORKING_SET, max(0, anonymous + files - inactive))
    yield _total_sample(container_memory.RSS, anonymous)
    yield _total_sample(container_memory.CACHE, files)
    yield _total_sample(container_memory_detail.SWAP, swap_total - swap_free)
    yield _total_sample(container_memory_detail.MAPPED, mapped)
    yield _total_sample(container_spec.MEMORY, total)


def _space_samples(world: World) -> Iterator[Sample]:
    """Yield size, usage and inodes of each file system on a device, once, however often it is mounted."""
    queries, shown = world.source(_SpaceQueries), world.source(_host_filters.HostFilters)
    watched = [
        mount
        for mount in queries.parse_if_changed(world.source(MountTable).read())
        if mount.device.startswith("/dev/")
        and shown.filesystem_types.is_shown(mount.fstype)
        and shown.mount_points.is_shown(mount.point)
    ]
    numbers = {mount.point: mounts.device_number(mount.major, mount.minor) for mount in watched}
    spaces = queries.query_space(numbers, {point: number for point, number in numbers.items() if number is not None})
    by_device: dict[str, os.statvfs_result] = {}
    for mount in watched:
        space = spaces[mount.point]
        if not isinstance(space, OSError):
            by_device.setdefault(mount.device, space)
    for device, space in by_device.items():
        yield _total_sample(container_fs.USAGE, (space.f_blocks - space.f_bfree) * space.f_frsize, device)
        yield _total_sample(container_fs.LIMIT, space.f_blocks * space.f_frsize, device)
        yield _total_sample(container_fs.INODES, space.f_files, device)
        yield _total_sample(container_fs.INODES_FREE, space.f_ffree, device)
