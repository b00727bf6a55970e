"""Why a watched server or service is down, as far as its source knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from deckwatch.exporter.world import World


class HealthReason(NamedTuple):
    """Why a subject is down, in fixed words without secrets, and for how many seconds."""

    reason: str
    seconds: float


@runtime_checkable
class HasHealthReason(Protocol):
    """A collector's subject that knows why it is down."""

    def health_reason(self, world: World) -> HealthReason | None:
        """Return why the subject is down; None if it is up or the reason is unknown."""
