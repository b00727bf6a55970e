"""Bonded interfaces and their members, from /sys/class/net (Documentation/networking/bonding.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

SLAVES = Metric("node_bonding_slaves", "gauge", "Configured members of the bonding interface.", ("master",))
ACTIVE = Metric("node_bonding_active", "gauge", "Members of the bonding interface whose link is up.", ("master",))


@collector(
    SLAVES,
    ACTIVE,
    peer="node:bonding",
    needs="sys/class/net/bonding_masters",
    files=("sys/class/net/*/bonding/slaves", "sys/class/net/*/bonding_slave/mii_status"),
    free_text=True,
)
def collect(world: World) -> Iterator[Sample]:
    """Members of each bonding interface, and how many of them are up."""
    for bond in procfs.decode_text(procfs.read_sys(world, "class/net/bonding_masters")).split():
        try:
            members = procfs.decode_text(procfs.read_sys(world, f"class/net/{bond}/bonding/slaves")).split()
            states = [procfs.read_sys(world, f"class/net/{member}/bonding_slave/mii_status") for member in members]
        except NoData:
            continue  # the bond or a member has just been removed
        yield SLAVES(len(members), bond)
        yield ACTIVE(states.count(b"up"), bond)
