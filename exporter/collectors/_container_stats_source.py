"""Whether the figures of containers come from the engine, since their control groups cannot be seen.

An engine elsewhere (tcp://…, the virtual machine of Docker Desktop) has its groups elsewhere. What it tells is read in
the background and so a little old; `deckwatch_collector_age_seconds` says how old. `watch: containers: stats:` turns
that off, or on for an engine that is here.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.docker")

_ALWAYS, _NEVER = "always", "never"


class StatsSource(Source):
    """Whether the engine is asked: by the configuration, else from when on its groups were found to be elsewhere."""

    def __init__(self, world: World) -> None:
        said = (world.config.get("containers") or {}).get("stats")
        captured = world.source(Engine).engine_address().startswith("file://")
        self.possible = said != _NEVER and not captured
        self.uses_api = self.possible and said == _ALWAYS
        self._lock = threading.Lock()
        self.fault = ""  # what is wrong here, if the groups ought to be seen

    def use_api(self, why: str, *, fault: bool) -> None:
        """Ask the engine from now on; collectors that find out at the same time say it once."""
        with self._lock:
            if self.uses_api:
                return
            self.fault = why if fault else ""
            self.uses_api = True
        level = logging.WARNING if fault else logging.INFO
        log.log(level, "%s: the engine itself is asked for the figures of containers, now and then", why)
