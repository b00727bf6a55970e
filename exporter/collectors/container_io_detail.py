"""Disk I/O of containers in cAdvisor's other units, from io.stat or blkio.throttle.* (block/blk-cgroup.c).

Off by default: container_io has the same values. cAdvisor shows the sectors of the whole disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    RunningContainer,
    container_metric,
    write_cgroup_lines,
)
from deckwatch.exporter.sources import blockdev, cgroup_values
from deckwatch.exporter.sources.api_cgroup import ApiCgroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.sources.cgroup_files import Raw
    from deckwatch.exporter.world import Reading, World

_SECTOR_BYTES = 512  # the kernel's unit, independent of the disk's own sector size

SECTORS_READ = container_metric(
    "container_fs_sector_reads_total", "counter", "Sectors of 512 bytes read from the disk.", "device"
)
SECTORS_WRITTEN = container_metric(
    "container_fs_sector_writes_total", "counter", "Sectors of 512 bytes written to the disk.", "device"
)
DEVICE_USAGE = container_metric(
    "container_blkio_device_usage_total",
    "counter",
    "Bytes read from (operation Read) and written to (operation Write) the disk.",
    *("device", "major", "minor", "operation"),
    unit="bytes",
)

METRICS = (SECTORS_READ, SECTORS_WRITTEN, DEVICE_USAGE)


@collector(*METRICS, default=False, budget=16 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Sectors and bytes that each container reads and writes on each disk, by device number."""

    def to_samples(running: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
        for number, io in (cgroup_values.disk_io(raw) or {}).items():
            # The disk's name on a remote engine's machine is unknown here.
            device = number if isinstance(running.cgroup, ApiCgroup) else blockdev.device_name(world, number)
            major, _, minor = number.partition(":")
            yield SECTORS_READ(io.read_bytes // _SECTOR_BYTES, device)
            yield SECTORS_WRITTEN(io.written_bytes // _SECTOR_BYTES, device)
            yield DEVICE_USAGE(io.read_bytes, device, major, minor, "Read")
            yield DEVICE_USAGE(io.written_bytes, device, major, minor, "Write")

    return write_cgroup_lines(world, METRICS, cgroup_values.IO, to_samples)
