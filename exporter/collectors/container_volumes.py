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
from deckwatch.exporter.world import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.disk_usage import Volume
    from deckwatch.exporter.world import World

SIZE = Metric("deckwatch_volume_size_bytes", "gauge", "Size of the volume's content.", ("volume",))
CONTAINERS = Metric(
    "deckwatch_volume_containers", "gauge", "Containers, running or not, that use the volume.", ("volume",)
)


@collector(SIZE, CONTAINERS, default=False)
def collect(world: World) -> Reading[Iterator[Sample]]:
    """Size of each volume, and the number of containers that use it."""
    engine_snapshot(world)
    volumes = world.source(VolumeSizes).latest_reading()
    return Reading(_to_samples(volumes.value), volumes.at)


def _to_samples(volumes: Mapping[str, Volume]) -> Iterator[Sample]:
    for name, volume in volumes.items():
        yield SIZE(volume.size, name)
        yield CONTAINERS(volume.containers, name)
