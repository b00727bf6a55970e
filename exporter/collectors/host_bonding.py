"""Bonded interfaces and their members, from /sys/class/net (Documentation/networking/bonding.rst)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _readings
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.readings import Readings
    from deckwatch.exporter.world import World

SLAVES = Metric("node_bonding_slaves", "gauge", "Configured members of the bonding interface.", ("master",))
ACTIVE = Metric("node_bonding_active", "gauge", "Members of the bonding interface whose link is up.", ("master",))
_MAX_NAME = 15  # IFNAMSIZ, include/uapi/linux/if.h


@collector(
    SLAVES,
    ACTIVE,
    _readings.FAILED,
    peer="node:bonding",
    needs="sys/class/net/bonding_masters",
    files=("sys/class/net/*/bonding/slaves", "sys/class/net/*/bonding_slave/mii_status"),
    free_text=True,
)
def collect(world: World) -> Iterator[Sample]:
    """Members of each bonding interface, and how many of them are up."""
    bonds = _parse_names(procfs.read_sys(world, "class/net/bonding_masters"))
    return _readings.read_independently(
        world, "host_bonding", lambda readings: itertools.chain(*(_bond_samples(readings, bond) for bond in bonds))
    )


def _bond_samples(readings: Readings, bond: str) -> Iterator[Sample]:
    members = readings.read_value(f"class/net/{bond}/bonding/slaves", _parse_names)
    if members is None:  # it has just been removed
        return
    yield SLAVES(len(members), bond)
    states = [readings.read_value(f"class/net/{member}/bonding_slave/mii_status", bytes) for member in members]
    if None not in states:  # a part of them would be a wrong number
        yield ACTIVE(states.count(b"up"), bond)


def _parse_names(data: bytes) -> list[str]:
    names = procfs.decode_text(data).split()
    if any(len(name) > _MAX_NAME for name in names):
        raise procfs.ParseError("not a list of interfaces")
    return names
