"""Bonded interfaces and how many of their parts work, from /sys/class/net (Documentation/networking/bonding.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

SLAVES = Metric("node_bonding_slaves", "gauge", "Interfaces that the bond consists of.", ("master",))
ACTIVE = Metric("node_bonding_active", "gauge", "Interfaces of the bond whose link is up.", ("master",))


@collector(SLAVES, ACTIVE, peer="node:bonding")
def collect(world: World) -> Iterator[Sample]:
    """Interfaces of each bond, and how many of them are up."""
    for bond in procfs.decode_text(procfs.read_sys(world, "class/net/bonding_masters")).split():
        try:
            parts = procfs.decode_text(procfs.read_sys(world, f"class/net/{bond}/bonding/slaves")).split()
            states = [procfs.read_sys(world, f"class/net/{part}/bonding_slave/mii_status") for part in parts]
        except NoData:
            continue  # it, or a part of it, has just gone
        yield SLAVES(len(parts), bond)
        yield ACTIVE(states.count(b"up"), bond)
