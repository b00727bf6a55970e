"""A count of scrapes that had to end before their collectors."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from deckwatch.exporter.world import World


class ShortScrapes(Source):
    """The scrapes that ended before their collectors because the scraper's timeout is short; a Source of the World."""

    def __init__(self, _world: World) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def record_scrape(self) -> None:
        """Count a scrape."""
        with self._lock:
            self.count += 1
