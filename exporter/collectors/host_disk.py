"""Reads and writes of disks, from /proc/diskstats (block/genhd.c; Documentation/admin-guide/iostats.rst)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors import _shown
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, rootfs
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _disk(name: str, about: str) -> Metric:
    return Metric(f"node_disk_{name}", "counter" if name.endswith("_total") else "gauge", about, ("device",))


def _as_it_is(count: int) -> float:
    return count


def _bytes(sectors: int) -> float:
    return sectors * 512  # whatever the disk's own sectors are


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000


# In the file's order, with what makes a base unit of the kernel's.
METRICS = (
    (_disk("reads_completed_total", "Reads completed."), _as_it_is),
    (_disk("reads_merged_total", "Reads that were merged with a neighbouring one."), _as_it_is),
    (_disk("read_bytes_total", "Bytes read."), _bytes),
    (_disk("read_time_seconds_total", "Time spent on reads; reads side by side count each."), _seconds),
    (_disk("writes_completed_total", "Writes completed."), _as_it_is),
    (_disk("writes_merged_total", "Writes that were merged with a neighbouring one."), _as_it_is),
    (_disk("written_bytes_total", "Bytes written."), _bytes),
    (_disk("write_time_seconds_total", "Time spent on writes; writes side by side count each."), _seconds),
    (_disk("io_now", "Requests in progress."), _as_it_is),
    (_disk("io_time_seconds_total", "Time in which at least one request was in progress."), _seconds),
    (_disk("io_time_weighted_seconds_total", "Time spent on requests, times their number."), _seconds),
    (_disk("discards_completed_total", "Discards completed."), _as_it_is),
    (_disk("discards_merged_total", "Discards that were merged with a neighbouring one."), _as_it_is),
    (_disk("discarded_sectors_total", "Sectors of 512 bytes discarded."), _as_it_is),
    (_disk("discard_time_seconds_total", "Time spent on discards."), _seconds),
    (_disk("flush_requests_total", "Flushes of the disk's cache."), _as_it_is),
    (_disk("flush_requests_time_seconds_total", "Time spent on flushes."), _seconds),
)
INFO = Metric(
    "node_disk_info",
    "gauge",
    "What the disk is, in labels; always 1.",
    ("device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"),
)


_LOOK_SECONDS = 60.0  # how old a description may be: it costs as much as all counters


@collector(*(metric for metric, _ in METRICS), INFO, peer="node:diskstats")
def collect(world: World) -> Iterator[Sample]:
    """Reads, writes, discards and busy time of each disk; what it is, is read once a minute."""
    shown, about = world.source(_shown.Shown).disks, world.source(About)
    disks = [disk for disk in procfs.parse_diskstats(procfs.read_proc(world, "diskstats")) if shown.is_shown(disk.name)]
    for disk, info in zip(disks, about.of(disks), strict=True):
        for (metric, in_base_unit), count in zip(METRICS, disk.counters, strict=False):
            yield metric(in_base_unit(count), disk.name)
        yield info


class About(Source):
    """What each disk is, read anew once a minute and when there is another one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at = 0.0
        self._known: dict[tuple[str, str, str], Sample] = {}

    def of(self, disks: list[procfs.Disk]) -> list[Sample]:
        """Return the samples that describe these disks."""
        now = self._world.clock()
        if not 0 <= now - self._at < _LOOK_SECONDS:
            self._at, self._known = now, {}
        found = {}
        for disk in disks:
            key = disk[:3]
            found[key] = self._known.get(key) or INFO(1, disk.name, disk.major, disk.minor, *_about(self._world, disk))
        self._known = found
        return list(found.values())


def _about(world: World, disk: procfs.Disk) -> tuple[str, ...]:
    """Return path, WWN, model, serial number and revision as udev found them, and whether the disk turns."""
    udev: dict[str, str] = {}
    with contextlib.suppress(NoData):  # no udev, as in most virtual machines
        udev = rootfs.parse_udev(rootfs.read_host_file(world, f"run/udev/data/b{disk.major}:{disk.minor}"))
    serial = udev.get("SCSI_IDENT_SERIAL") or udev.get("ID_SERIAL_SHORT") or udev.get("ID_SERIAL", "")
    rotational = b"0"
    with contextlib.suppress(NoData):
        rotational = procfs.read_sys(world, f"block/{disk.name.replace('/', '!')}/queue/rotational", keep=False)
    path, wwn, model, revision = (udev.get(f"ID_{name}", "") for name in ("PATH", "WWN", "MODEL", "REVISION"))
    return path, wwn, model, serial, revision, procfs.decode_text(rotational)
