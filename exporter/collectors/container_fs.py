"""Space that containers take on the engine's disk, from the engine's list with sizes and statvfs(2) of its folder.

Off by default: the engine walks through every layer for it, and so it is asked in the background, now and then. Only
the writable layer is the container's own; a log is not in it (see container_log), nor are volumes (container_volumes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    KnownContainer,
    container_metric,
    engine_snapshot,
    known_containers,
)
from deckwatch.exporter.collectors._container_lines import write_lines
from deckwatch.exporter.collectors._container_stats_source import StatsSource
from deckwatch.exporter.sources.disk_usage import Layer
from deckwatch.exporter.sources.docker_sizes import ContainerSizes, Disk
from deckwatch.exporter.world import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.world import World

USAGE = container_metric("container_fs_usage_bytes", "gauge", "Size of its writable layer.", "device")
LIMIT = container_metric(
    "container_fs_limit_bytes", "gauge", "Size of the disk that its writable layer is on.", "device"
)
INODES = container_metric(
    "container_fs_inodes_total", "gauge", "Files that this disk can hold; 0 is no limit.", "device"
)
INODES_FREE = container_metric(
    "container_fs_inodes_free", "gauge", "Files that can still be made on this disk.", "device"
)
ROOT = container_metric(
    "deckwatch_container_root_size_bytes", "gauge", "Size of its file system: its image and what it wrote."
)

METRICS = (USAGE, LIMIT, INODES, INODES_FREE, ROOT)


_Raw = tuple[Layer | None, Disk | None]


@collector(*METRICS, default=False, budget=5 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Size of each container's writable layer and file system, also of those that do not run."""
    engine = engine_snapshot(world)
    sizes = world.source(ContainerSizes)
    at = sizes.latest_reading().at
    here = engine.kernel in ("", world.uname().release) and not world.source(StatsSource).uses_api

    def make_reader(one: KnownContainer) -> Callable[[], _Raw]:
        def read_raw() -> _Raw:
            layers = sizes.latest_reading().value
            return layers.by_container.get(one.container.id), layers.disk if here else None

        return read_raw

    return Reading(write_lines(world, METRICS, known_containers(world, engine), make_reader, _to_samples), at)


def _to_samples(_: KnownContainer, raw: _Raw) -> Iterator[Sample]:
    layer, disk = raw
    if layer is None:
        return  # made since the last reading
    device = disk.device if disk is not None else ""
    yield USAGE(layer.writable, device)
    yield ROOT(layer.total)
    if disk is not None:
        yield LIMIT(disk.size, device)
        yield INODES(disk.files, device)
        yield INODES_FREE(disk.files_free, device)
