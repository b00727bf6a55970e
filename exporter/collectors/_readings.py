"""The metric of collectors that read many files, each on its own; see sources/readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.world import World

FAILED = Metric(
    "deckwatch_collector_failed_readings",
    "gauge",
    "Files that the collector could not read or parse at this scrape; it shows everything else.",
    ("collector",),
)


def read_independently(
    world: World, collector: str, collect: Callable[[Readings], Iterator[Sample]]
) -> Iterator[Sample]:
    """Yield the samples of `collect`, then the number of files that failed; raises as Readings.count_failures does."""
    readings = Readings(world, collector)
    yield from collect(readings)
    yield FAILED(readings.count_failures(), collector)
