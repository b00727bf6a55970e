"""Creation times of containers, from the engine's inspect (Created).

Off by default: no dashboard that we know of uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import MAX_CONTAINERS, KnownContainer, alive_containers, container_metric
from deckwatch.exporter.collectors._container_lines import no_reader, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.world import World

CREATED = container_metric(
    "container_creation_time_seconds", "gauge", "Creation time of the container, as a Unix time."
)


@collector(CREATED, default=False, budget=1 * MAX_CONTAINERS)
def collect(world: World) -> Iterator[Lines]:
    """Creation time of each running container."""
    return write_lines(world, [CREATED], alive_containers(world), no_reader, _to_samples)


def _to_samples(known: KnownContainer, _: None) -> Iterator[ContainerSample]:
    yield CREATED(known.container.created)
