"""Disk I/O of containers, from io.stat or blkio.throttle.* (block/blk-cgroup.c, block/blk-throttle.c).

The values are the container's own. cAdvisor shows those of the whole disk under two of these names.
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

READ_BYTES = container_metric("container_fs_reads_bytes_total", "counter", "Bytes read from the disk.", "device")
WRITTEN_BYTES = container_metric("container_fs_writes_bytes_total", "counter", "Bytes written to the disk.", "device")
READS = container_metric("container_fs_reads_total", "counter", "Read operations on the disk.", "device")
WRITES = container_metric("container_fs_writes_total", "counter", "Write operations on the disk.", "device")

METRICS = (READ_BYTES, WRITTEN_BYTES, READS, WRITES)


@collector(*METRICS, budget=16 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Bytes and operations that each container reads and writes on each disk."""

    def to_samples(running: RunningContainer, raw: Raw) -> Iterator[ContainerSample]:
        for number, io in (cgroup_values.disk_io(raw) or {}).items():
            # The disk's name on a remote engine's machine is unknown here.
            device = number if isinstance(running.cgroup, ApiCgroup) else blockdev.device_name(world, number)
            yield READ_BYTES(io.read_bytes, device)
            yield WRITTEN_BYTES(io.written_bytes, device)
            if io.reads is not None:
                yield READS(io.reads, device)
            if io.writes is not None:
                yield WRITES(io.writes, device)

    return write_cgroup_lines(world, METRICS, cgroup_values.IO, to_samples)
