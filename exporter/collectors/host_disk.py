"""Disk I/O, from /proc/diskstats (block/genhd.c; Documentation/admin-guide/iostats.rst)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors import _host_filters
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, rootfs
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_metric(name: str, help_text: str) -> Metric:
    return Metric(f"node_disk_{name}", "counter" if name.endswith("_total") else "gauge", help_text, ("device",))


def _unchanged_count(count: int) -> float:
    return count


def _sectors_to_bytes(sectors: int) -> float:
    return sectors * 512  # independent of the disk's own sector size


def _to_seconds(milliseconds: int) -> float:
    return milliseconds / 1000


# In the file's order, with the conversion from the kernel's unit to the base unit.
METRICS = (
    (_declare_metric("reads_completed_total", "Reads completed."), _unchanged_count),
    (_declare_metric("reads_merged_total", "Reads merged with an adjacent one."), _unchanged_count),
    (_declare_metric("read_bytes_total", "Bytes read."), _sectors_to_bytes),
    (_declare_metric("read_time_seconds_total", "Time spent reading; concurrent reads add up."), _to_seconds),
    (_declare_metric("writes_completed_total", "Writes completed."), _unchanged_count),
    (_declare_metric("writes_merged_total", "Writes merged with an adjacent one."), _unchanged_count),
    (_declare_metric("written_bytes_total", "Bytes written."), _sectors_to_bytes),
    (_declare_metric("write_time_seconds_total", "Time spent writing; concurrent writes add up."), _to_seconds),
    (_declare_metric("io_now", "I/O requests in progress."), _unchanged_count),
    (_declare_metric("io_time_seconds_total", "Time in which at least one I/O request was in progress."), _to_seconds),
    (
        _declare_metric(
            "io_time_weighted_seconds_total", "Time spent on I/O, weighted by the number of requests in progress."
        ),
        _to_seconds,
    ),
    (_declare_metric("discards_completed_total", "Discards completed."), _unchanged_count),
    (_declare_metric("discards_merged_total", "Discards merged with an adjacent one."), _unchanged_count),
    (_declare_metric("discarded_sectors_total", "Sectors of 512 bytes discarded."), _unchanged_count),
    (_declare_metric("discard_time_seconds_total", "Time spent discarding; concurrent discards add up."), _to_seconds),
    (_declare_metric("flush_requests_total", "Cache flushes completed."), _unchanged_count),
    (_declare_metric("flush_requests_time_seconds_total", "Time spent flushing the disk's cache."), _to_seconds),
)
INFO = Metric(
    "node_disk_info",
    "gauge",
    "Information about the disk, in labels; always 1.",
    ("device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"),
)


_REFRESH_SECONDS = 60.0  # reading the disk information costs as much as all counters


@collector(
    *(metric for metric, _ in METRICS),
    INFO,
    peer="node:diskstats",
    needs="proc/diskstats",
    files=("sys/block/*/queue/rotational",),
)
def collect(world: World) -> Iterator[Sample]:
    """Reads, writes, discards and busy time of each disk; information about it is read once a minute."""
    shown, cache = world.source(_host_filters.HostFilters).disks, world.source(DiskInfoCache)
    disks = [disk for disk in procfs.parse_diskstats(procfs.read_proc(world, "diskstats")) if shown.is_shown(disk.name)]
    for disk, info in zip(disks, cache.get(disks), strict=True):
        for (metric, in_base_unit), count in zip(METRICS, disk.counters, strict=False):
            yield metric(in_base_unit(count), disk.name)
        yield info


class DiskInfoCache(Source):
    """Information about each disk, read once a minute and when a disk is added."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at = 0.0
        self._known: dict[tuple[str, str, str], Sample] = {}

    def get(self, disks: list[procfs.Disk]) -> list[Sample]:
        """Return one information sample per disk."""
        now = self._world.age_clock()
        if now - self._at >= _REFRESH_SECONDS:
            self._at, self._known = now, {}
        samples = {}
        for disk in disks:
            key = disk[:3]
            samples[key] = self._known.get(key) or INFO(
                1, disk.name, disk.major, disk.minor, *_disk_labels(self._world, disk)
            )
        self._known = samples
        return list(samples.values())


def _disk_labels(world: World, disk: procfs.Disk) -> tuple[str, ...]:
    """Return path, WWN, model, serial number and revision from udev, and whether the disk is rotational."""
    udev: dict[str, str] = {}
    with contextlib.suppress(NoData):  # no udev, as in most virtual machines
        udev = rootfs.parse_udev(rootfs.read_host_file(world, f"run/udev/data/b{disk.major}:{disk.minor}"))
    serial = udev.get("SCSI_IDENT_SERIAL") or udev.get("ID_SERIAL_SHORT") or udev.get("ID_SERIAL", "")
    rotational = b"0"
    with contextlib.suppress(NoData):
        rotational = procfs.read_sys(world, f"block/{disk.name.replace('/', '!')}/queue/rotational", keep=False)
    path, wwn, model, revision = (udev.get(f"ID_{name}", "") for name in ("PATH", "WWN", "MODEL", "REVISION"))
    return path, wwn, model, serial, revision, procfs.decode_text(rotational)
