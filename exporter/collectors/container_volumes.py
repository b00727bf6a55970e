"""Sizes of volumes, from the engine's count of its disk, `GET /system/df`.

Off by default: the engine walks every file of every volume to answer, so it is queried in the background at long
intervals. The engine knows no size of volumes of drivers other than `local`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import engine_snapshot
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.docker_sizes import VolumeSizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

SIZE = Metric("deckwatch_volume_size_bytes", "gauge", "Size of the volume's content.", ("volume",))
CONTAINERS = Metric(
    "deckwatch_volume_containers", "gauge", "Containers, running or not, that use the volume.", ("volume",)
)


@collector(SIZE, CONTAINERS, default=False)
def collect(world: World) -> Iterator[Sample]:
    """Size of each volume, and the number of containers that use it."""
    engine_snapshot(world)
    for name, volume in world.source(VolumeSizes).latest_reading().items():
        yield SIZE(volume.size, name)
        yield CONTAINERS(volume.containers, name)
