"""Why a watched server or service is down, shows less than it has, or is not read here, as far as is known."""

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


@runtime_checkable
class HasLimitation(Protocol):
    """A collector's subject that can be up and yet hide a part of its state."""

    def limitation(self, world: World) -> str:
        """Return the hidden part in a few words; empty if none."""


@runtime_checkable
class MayBeElsewhere(Protocol):
    """A collector's subject that another host of the project may read instead of this one."""

    @property
    def elsewhere(self) -> str:
        """Which hosts read it, in a few words; empty if this one does."""
