"""Disk reads and writes of containers, from io.stat or blkio.throttle.* (block/blk-cgroup.c, block/blk-throttle.c).

The figures are the container's own. cAdvisor shows those of the whole disk under two of the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    RunningContainer,
    container_metric,
    running_containers,
)
from deckwatch.exporter.collectors._container_lines import write_reading
from deckwatch.exporter.sources import blockdev, cgroup_values
from deckwatch.exporter.sources.api_cgroup import ApiCgroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Lines, Sample
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

    def to_samples(one: RunningContainer, raw: Raw) -> Iterator[Sample]:
        for number, found in (cgroup_values.disk_io(raw) or {}).items():
            # What the disk is called where the engine runs is not known here.
            device = number if isinstance(one.cgroup, ApiCgroup) else blockdev.device_name(world, number)
            yield READ_BYTES(found.read_bytes, device)
            yield WRITTEN_BYTES(found.written_bytes, device)
            if found.reads is not None:
                yield READS(found.reads, device)
            if found.writes is not None:
                yield WRITES(found.writes, device)

    return write_reading(
        world,
        METRICS,
        running_containers(world),
        lambda running: running.cgroup.make_reader(cgroup_values.IO),
        to_samples,
    )
