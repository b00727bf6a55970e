"""When the certificates expire that the exporter serves its page with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deckwatch.exporter.world import World


class OwnCertificates(Source):
    """A Source of the World. `read_expiries` returns Unix times by role, `server` or `client_ca`; empty without TLS."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.read_expiries: Callable[[], Mapping[str, float]] = dict
