"""The pages for people, `/` and `/collectors`; what only the former needs is imported when somebody looks at it."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from deckwatch.exporter import page

if TYPE_CHECKING:
    from deckwatch.exporter.live.project_rules import Overrides
    from deckwatch.exporter.live.reader import LiveReader
    from deckwatch.exporter.live.rules import Rules
    from deckwatch.exporter.scrape import Scraper

log = logging.getLogger("deckwatch.live")

Headers = tuple[tuple[str, str], ...]

_MAX_QUERY = 100  # characters


class LivePage:
    """The pages of one Scraper. `scraped_at` is the last scrape by others, or the start, on World.age_clock.

    `overrides` are what the project changes of thresholds and alerts.
    """

    def __init__(self, scraper: Scraper, overrides: Overrides | None = None) -> None:
        self._scraper = scraper
        self._overrides = overrides
        self.scraped_at = scraper.world.age_clock()

    @functools.cached_property
    def reader(self) -> LiveReader:
        """The live values."""
        from deckwatch.exporter.live.reader import LiveReader  # noqa: PLC0415 - see the module

        return LiveReader(self._scraper, self.load_rules())

    def load_rules(self) -> Rules:
        """Return the shipped rules with the project's changes, and log those that are not valid."""
        from deckwatch.exporter.live import project_rules, rules  # noqa: PLC0415 - see the module

        found, problems = project_rules.apply_overrides(
            rules.load_rules(), self._overrides or project_rules.Overrides()
        )
        for problem in problems:
            log.warning("%s: %s", problem.place, problem.one_sentence)
        return found

    def page_key(self, path: str, query: bytes) -> tuple[str, str]:
        """Return a path, and of `/` the column by which containers are listed, from `sort` in the query, or ''."""
        if path != "/":
            return path, ""
        from deckwatch.exporter.live.order import ORDERS  # noqa: PLC0415 - see the module

        order = parse_qs(query.decode("latin-1")[:_MAX_QUERY]).get("sort", [""])[0]
        return path, order if order in ORDERS else ""

    def render_page(self, path: str, order: str) -> tuple[bytes, Headers]:
        """Return a page and its headers."""
        if path != "/":
            text, headers = page.render_index(self._scraper, self.scraped_at), page.HEADERS
        else:
            from deckwatch.exporter.live import page as live_page  # noqa: PLC0415 - see the module

            self.reader.refresh()
            text, headers = live_page.render_live(self.reader, order), live_page.HEADERS
        return text.encode("utf-8", "replace"), headers
