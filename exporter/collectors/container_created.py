"""When containers were made, from the engine's inspect (Created).

Off by default: no dashboard that is known to us asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import MOST, Known, alive, metric
from deckwatch.exporter.collectors._container_lines import unchanging, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.world import World

CREATED = metric("container_creation_time_seconds", "gauge", "When it was made, as a Unix time.")


@collector(CREATED, default=False, budget=1 * MOST)
def collect(world: World) -> Iterator[Lines]:
    """When each running container was made."""
    return write(world, [CREATED], alive(world), unchanging, _show)


def _show(one: Known, _: None) -> Iterator[Sample]:
    yield CREATED(one.container.created)
