"""Disk space that the engine could free, from its own count, `GET /system/df`.

Off by default, and queried in the background at long intervals. The size of unused volumes: see container_volumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import engine_snapshot
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.docker_sizes import ReclaimableSizes
from deckwatch.exporter.world import Reading

if TYPE_CHECKING:
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

RECLAIMABLE = Metric(
    "deckwatch_reclaimable_bytes",
    "gauge",
    "Reclaimable disk space: images without a container, layers of stopped containers, and the build cache.",
    ("kind",),
)


@collector(RECLAIMABLE, default=False)
def collect(world: World) -> Reading[list[Sample]]:
    """Space taken by images without containers, stopped containers and the build cache."""
    engine_snapshot(world)
    sizes = world.source(ReclaimableSizes).latest_reading()
    return Reading([RECLAIMABLE(size, kind) for kind, size in sizes.value.items()], sizes.at)
