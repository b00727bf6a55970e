"""Whether container statistics come from the engine's API, because the control groups are not visible here.

A remote engine (tcp://…, the virtual machine of Docker Desktop) has its control groups on another system. Its API is
polled in the background, so the values are slightly old; `deckwatch_collector_age_seconds` shows their age.
`watch: containers: stats:` disables this, or enables it for a local engine.
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
    """Whether the API is used: as configured, or else from the moment the control groups were found to be elsewhere."""

    def __init__(self, world: World) -> None:
        setting = (world.config.get("containers") or {}).get("stats")
        self.possible = setting != _NEVER and world.source(Engine).has_docker_api
        self.uses_api = self.possible and setting == _ALWAYS
        self._lock = threading.Lock()
        self.fault = ""  # why the control groups of a local engine are not visible

    def use_api(self, reason: str, *, fault: bool) -> None:
        """Use the API from now on; collectors that find out at the same time log it once."""
        with self._lock:
            if self.uses_api:
                return
            self.fault = reason if fault else ""
            self.uses_api = True
        level = logging.WARNING if fault else logging.INFO
        log.log(level, "%s: container statistics are read from the engine's API, in the background", reason)
