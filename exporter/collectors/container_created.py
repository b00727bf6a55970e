"""When containers were made, from the engine's inspect (Created).

Off by default: no dashboard that is known to us asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import MAX_CONTAINERS, KnownContainer, alive_containers, container_metric
from deckwatch.exporter.collectors._container_lines import no_reader, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.world import World

CREATED = container_metric("container_creation_time_seconds", "gauge", "When it was made, as a Unix time.")


@collector(CREATED, default=False, budget=1 * MAX_CONTAINERS)
def collect(world: World) -> Iterator[Lines]:
    """When each running container was made."""
    return write_lines(world, [CREATED], alive_containers(world), no_reader, _to_samples)


def _to_samples(one: KnownContainer, _: None) -> Iterator[Sample]:
    yield CREATED(one.container.created)
