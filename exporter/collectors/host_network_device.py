"""State of network interfaces, from /sys/class/net (Documentation/ABI/testing/sysfs-class-net)."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors import _shown
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.world import World

_LOOK_SECONDS = 60.0  # how old what only an administrator changes may be: it is half of this collector's cost


def _property(name: str, about: str) -> Metric:
    return Metric(f"node_network_{name}", "gauge", about, ("device",))


def _counter(name: str, about: str) -> Metric:
    return Metric(f"node_network_{name}_total", "counter", about, ("device",))


UP = _property("up", "1 if the interface can pass packets (operstate is up), else 0.")
INFO = Metric(
    "node_network_info",
    "gauge",
    "What the interface is and how it stands, in labels; always 1.",
    ("device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"),
)
INDEX = _property("iface_id", "Number of the interface (ifindex).")
FLAGS = _property("flags", "Flags of the interface, as a number (IFF_UP is 1).")
SPEED = _property("speed_bytes", "Speed of the link in bytes a second; below 0 where the device cannot tell.")
CAME = _counter("carrier_up_changes", "Times that the carrier came.")
WENT = _counter("carrier_down_changes", "Times that the carrier went.")
CHANGES = _counter("carrier_changes", "Times that the carrier came or went.")
NOW = {
    "carrier": _property("carrier", "1 if there is a signal on the line, else 0."),
    "dormant": _property("dormant", "1 if the interface waits for something outside before it passes packets."),
    "statistics/rx_nohandler": _counter("receive_nohandler", "Packets received that nothing on this machine wanted."),
}


def _decimal(data: bytes) -> int:
    return int(data)


def _hexadecimal(data: bytes) -> int:
    return int(data, 16)


SETTINGS: dict[str, tuple[Metric, Callable[[bytes], int]]] = {
    "addr_assign_type": (
        _property("address_assign_type", "Where the address comes from: 0 the device, 1 chance, 3 somebody set it."),
        _decimal,
    ),
    "dev_id": (_property("device_id", "What tells interfaces apart that share one address."), _hexadecimal),
    "iflink": (_property("iface_link", "Number of the interface that this one is based on; else its own."), _decimal),
    "link_mode": (_property("iface_link_mode", "1 if something outside decides when it is up, else 0."), _decimal),
    "mtu": (_property("mtu_bytes", "Largest packet the interface takes."), _decimal),
    "name_assign_type": (
        _property("name_assign_type", "Where the name comes from: 1 the kernel counts, 3 a user, 4 it was renamed."),
        _decimal,
    ),
    "netdev_group": (_property("net_dev_group", "Group of interfaces it belongs to; 0 by default."), _decimal),
    "tx_queue_len": (_property("transmit_queue_length", "Most packets that may wait to be sent."), _decimal),
    "type": (_property("protocol_type", "Kind of link, as ARP numbers them: 1 Ethernet, 772 loopback."), _decimal),
}
_SETTINGS_METRICS = tuple(metric for metric, _ in SETTINGS.values())
_IFF_UP = 1  # include/uapi/linux/if.h
_MBIT = 125_000  # bytes


@collector(
    *(UP, INFO, INDEX, FLAGS, SPEED, CAME, WENT, CHANGES, *NOW.values(), *_SETTINGS_METRICS), peer="node:netclass"
)
def collect(world: World) -> Iterator[Sample]:
    """State, carrier, MTU and speed of each interface; what only people change is read once a minute."""
    known, shown = world.source(Settings), world.source(_shown.Shown).interfaces
    for device in known.devices(procfs.list_sys(world, "class/net")):
        if shown.is_shown(device):
            try:
                yield from _device(world, device, known)
            except NoData:
                continue  # a file among the folders (bonding_masters), or an interface that has just gone


def _device(world: World, device: str, known: Settings) -> Iterator[Sample]:
    state = procfs.read_sys(world, f"class/net/{device}/operstate")
    yield UP(int(state == b"up"), device)
    index = _read(world, device, "ifindex") or b""
    if index:
        yield INDEX(int(index), device)
    flags, admin = _read(world, device, "flags"), "unknown"
    if flags is not None:
        number = int(flags, 16)
        yield FLAGS(number, device)
        admin = "up" if number & _IFF_UP else "down"
    settings = known.of(device, index)
    now = {name: settings.read(name, state + (flags or b"")) for name in ("speed", "duplex", *NOW)}
    duplex = procfs.decode_text(now["duplex"] or b"")
    yield INFO(
        1, device, settings.address, settings.broadcast, duplex, procfs.decode_text(state), admin, settings.alias
    )
    for name, metric in NOW.items():
        value = now[name]
        if value is not None:
            yield metric(int(value), device)
    if (speed := now["speed"]) is not None:
        yield SPEED(int(speed) * _MBIT, device)
    yield from _changes(world, device)
    yield from settings.samples


def _changes(world: World, device: str) -> Iterator[Sample]:
    """Yield how often the carrier came and went; before Linux 4.16 there is only the sum of both."""
    came, went = _read(world, device, "carrier_up_count"), _read(world, device, "carrier_down_count")
    if came is not None and went is not None:
        yield CAME(int(came), device)
        yield WENT(int(went), device)
        yield CHANGES(int(came) + int(went), device)  # which is what the kernel writes in carrier_changes
    elif (both := _read(world, device, "carrier_changes")) is not None:
        yield CHANGES(int(both), device)


@dataclass
class _Known:
    world: World
    device: str
    number: bytes
    at: float
    address: str
    broadcast: str
    alias: str
    samples: list[Sample]
    silent: dict[str, bytes] = field(default_factory=dict)  # attributes that had no value, and the state and flags then

    def read(self, name: str, state: bytes) -> bytes | None:
        """Return an attribute; one that had no value is tried again when the interface's state is another.

        Loopback never tells its speed, others not while they are down; each attempt would open the file anew.
        """
        if self.silent.get(name) == state:
            return None
        found = _read(self.world, self.device, name)
        if found is None:
            self.silent[name] = state
        return found


class Settings(Source):
    """What only an administrator changes of an interface, read anew once a minute and when it is another one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, _Known] = {}

    def devices(self, names: list[str]) -> list[str]:
        """Return these names; what is known of others is forgotten."""
        if self._known.keys() - names:
            self._known = {name: known for name, known in self._known.items() if name in names}
        return names

    def of(self, device: str, index: bytes) -> _Known:
        """Return the settings of an interface; its number tells it from an older one of the same name."""
        now = self._world.clock()
        known = self._known.get(device)
        if known is None or known.number != index or not 0 <= now - known.at < _LOOK_SECONDS:
            known = self._known[device] = self._read(device, index, now)
        return known

    def _read(self, device: str, index: bytes, now: float) -> _Known:
        found = {name: _read(self._world, device, name, keep=False) for name in SETTINGS}
        samples = [
            metric(in_numbers(data), device)
            for name, (metric, in_numbers) in SETTINGS.items()
            if (data := found[name]) is not None
        ]
        address, broadcast, alias = (
            procfs.decode_text(_read(self._world, device, name, keep=False) or b"")
            for name in ("address", "broadcast", "ifalias")
        )
        return _Known(self._world, device, index, now, address, broadcast, alias, samples)


def _read(world: World, device: str, name: str, *, keep: bool = True) -> bytes | None:
    """Return an attribute; None where this kind of interface has none, or has none while it is down."""
    try:
        return procfs.read_sys(world, f"class/net/{device}/{name}", keep=keep)
    except NoData:
        return None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return None
        raise
