"""The machine's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.metric import Metric, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.world import World

TIME = Metric("node_time_seconds", "gauge", "The machine's clock, in seconds since 1970.")


@collector(TIME, peer="node:time")
def collect(world: World) -> Iterator[Sample]:
    """The machine's clock."""
    yield TIME(world.clock())
