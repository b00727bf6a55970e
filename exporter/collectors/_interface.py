"""Which network interfaces are watched; shared by the collectors that have a series for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.world import World


def watched(world: World, device: str) -> bool:
    """Return whether an interface has series of its own.

    A container's end on the host (vethXXXXXXX) comes and goes with it under a random name, and the container's own
    metrics show the same traffic: `watch: {host: {veth: true}}` shows it here too.
    """
    return not device.startswith("veth") or bool(world.config.get("host", {}).get("veth", False))
