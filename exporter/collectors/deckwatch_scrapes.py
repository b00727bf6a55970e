"""Scrapes with a timeout that is too short for a page, from the running program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.short_scrapes import ShortScrapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

SHORT = Metric(
    "deckwatch_short_scrapes_total",
    "counter",
    "Scrapes whose timeout was under a second and too short for all collectors; the page omitted the others.",
)


@collector(SHORT)
def collect(world: World) -> Iterator[Sample]:
    """Scrapes with a timeout that is too short for a page."""
    yield SHORT(world.source(ShortScrapes).count)
