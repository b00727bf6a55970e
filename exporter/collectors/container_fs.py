"""Disk space of containers, from the engine's list with sizes and statvfs(2) of its data directory.

Off by default: the engine walks every layer to answer, so it is queried in the background at long intervals. Only the
writable layer belongs to the container; logs (container_log) and volumes (container_volumes) are not part of it.
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

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.world import World

USAGE = container_metric("container_fs_usage_bytes", "gauge", "Size of the container's writable layer.", "device")
LIMIT = container_metric(
    "container_fs_limit_bytes", "gauge", "Size of the disk that holds the writable layer.", "device"
)
INODES = container_metric(
    "container_fs_inodes_total",
    "gauge",
    "Inodes of the disk that holds the writable layer; 0 means no limit.",
    "device",
)
INODES_FREE = container_metric(
    "container_fs_inodes_free", "gauge", "Free inodes of the disk that holds the writable layer.", "device"
)
ROOT = container_metric(
    "deckwatch_container_root_size_bytes", "gauge", "Size of the container's file system: image and writable layer."
)

METRICS = (USAGE, LIMIT, INODES, INODES_FREE, ROOT)


_Raw = tuple[Layer | None, Disk | None]


@collector(*METRICS, default=False, budget=5 * MAX_CONTAINERS)
def collect(world: World) -> Reading[Iterator[Lines]]:
    """Size of each container's writable layer and file system, running or not."""
    engine = engine_snapshot(world)
    sizes = world.source(ContainerSizes)
    at = sizes.latest_reading().at
    local = engine.kernel in ("", world.uname().release) and not world.source(StatsSource).uses_api

    def make_reader(known: KnownContainer) -> Callable[[], _Raw]:
        def read_raw() -> _Raw:
            layers = sizes.latest_reading().value
            return layers.by_container.get(known.container.id), layers.disk if local else None

        return read_raw

    return Reading(write_lines(world, METRICS, known_containers(world, engine), make_reader, _to_samples), at)


def _to_samples(_: KnownContainer, raw: _Raw) -> Iterator[ContainerSample]:
    layer, disk = raw
    if layer is None:
        return  # created since the last reading
    device = disk.device if disk is not None else ""
    yield USAGE(layer.writable, device)
    yield ROOT(layer.total)
    if disk is not None:
        yield LIMIT(disk.size, device)
        yield INODES(disk.files, device)
        yield INODES_FREE(disk.files_free, device)
