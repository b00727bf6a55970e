"""What is wrong with a thing that is watched, as far as its source has found out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from deckwatch.exporter.world import World


class HealthReason(NamedTuple):
    """Why a thing is down, in fixed words that everybody may read, and for how many seconds."""

    reason: str
    seconds: float


@runtime_checkable
class HasHealthReason(Protocol):
    """A collector's subject that can say what is wrong with it."""

    def health_reason(self, world: World) -> HealthReason | None:
        """Return what is wrong; None where nothing is, or nothing is known."""
