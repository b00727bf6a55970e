"""State of network interfaces, from /sys/class/net (Documentation/ABI/testing/sysfs-class-net)."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors import _host_filters
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.world import World

_REFRESH_SECONDS = 60.0  # how old what only an administrator changes may be: it is half of this collector's cost


def _declare_gauge(name: str, about: str) -> Metric:
    return Metric(f"node_network_{name}", "gauge", about, ("device",))


def _declare_counter(name: str, about: str) -> Metric:
    return Metric(f"node_network_{name}_total", "counter", about, ("device",))


UP = _declare_gauge("up", "1 if the interface can pass packets (operstate is up), else 0.")
INFO = Metric(
    "node_network_info",
    "gauge",
    "What the interface is and how it stands, in labels; always 1.",
    ("device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"),
)
INDEX = _declare_gauge("iface_id", "Number of the interface (ifindex).")
FLAGS = _declare_gauge("flags", "Flags of the interface, as a number (IFF_UP is 1).")
SPEED = _declare_gauge("speed_bytes", "Speed of the link in bytes a second; below 0 where the device cannot tell.")
CAME = _declare_counter("carrier_up_changes", "Times that the carrier came.")
WENT = _declare_counter("carrier_down_changes", "Times that the carrier went.")
CHANGES = _declare_counter("carrier_changes", "Times that the carrier came or went.")
NOW = {
    "carrier": _declare_gauge("carrier", "1 if there is a signal on the line, else 0."),
    "dormant": _declare_gauge("dormant", "1 if the interface waits for something outside before it passes packets."),
    "statistics/rx_nohandler": _declare_counter(
        "receive_nohandler", "Packets received that nothing on this machine wanted."
    ),
}


def _parse_decimal(data: bytes) -> int:
    return int(data)


def _parse_hexadecimal(data: bytes) -> int:
    return int(data, 16)


SETTINGS: dict[str, tuple[Metric, Callable[[bytes], int]]] = {
    "addr_assign_type": (
        _declare_gauge(
            "address_assign_type", "Where the address comes from: 0 the device, 1 chance, 3 somebody set it."
        ),
        _parse_decimal,
    ),
    "dev_id": (_declare_gauge("device_id", "What tells interfaces apart that share one address."), _parse_hexadecimal),
    "iflink": (
        _declare_gauge("iface_link", "Number of the interface that this one is based on; else its own."),
        _parse_decimal,
    ),
    "link_mode": (
        _declare_gauge("iface_link_mode", "1 if something outside decides when it is up, else 0."),
        _parse_decimal,
    ),
    "mtu": (_declare_gauge("mtu_bytes", "Largest packet the interface takes."), _parse_decimal),
    "name_assign_type": (
        _declare_gauge(
            "name_assign_type", "Where the name comes from: 1 the kernel counts, 3 a user, 4 it was renamed."
        ),
        _parse_decimal,
    ),
    "netdev_group": (
        _declare_gauge("net_dev_group", "Group of interfaces it belongs to; 0 by default."),
        _parse_decimal,
    ),
    "tx_queue_len": (_declare_gauge("transmit_queue_length", "Most packets that may wait to be sent."), _parse_decimal),
    "type": (
        _declare_gauge("protocol_type", "Kind of link, as ARP numbers them: 1 Ethernet, 772 loopback."),
        _parse_decimal,
    ),
}
_SETTINGS_METRICS = tuple(metric for metric, _ in SETTINGS.values())
_IFF_UP = 1  # include/uapi/linux/if.h
_MBIT = 125_000  # bytes


@collector(
    *(UP, INFO, INDEX, FLAGS, SPEED, CAME, WENT, CHANGES, *NOW.values(), *_SETTINGS_METRICS), peer="node:netclass"
)
def collect(world: World) -> Iterator[Sample]:
    """State, carrier, MTU and speed of each interface; what only people change is read once a minute."""
    known, shown = world.source(SettingsCache), world.source(_host_filters.HostFilters).interfaces
    for device in known.keep_only(procfs.list_sys(world, "class/net")):
        if shown.is_shown(device):
            try:
                yield from _device_samples(world, device, known)
            except NoData:
                continue  # a file among the folders (bonding_masters), or an interface that has just gone


def _device_samples(world: World, device: str, known: SettingsCache) -> Iterator[Sample]:
    state = procfs.read_sys(world, f"class/net/{device}/operstate")
    yield UP(int(state == b"up"), device)
    index = _read_attribute(world, device, "ifindex") or b""
    if index:
        yield INDEX(int(index), device)
    flags, admin = _read_attribute(world, device, "flags"), "unknown"
    if flags is not None:
        number = int(flags, 16)
        yield FLAGS(number, device)
        admin = "up" if number & _IFF_UP else "down"
    settings = known.get(device, index)
    now = {name: settings.read_attribute(name, state + (flags or b"")) for name in ("speed", "duplex", *NOW)}
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
    yield from _carrier_samples(world, device)
    yield from settings.samples


def _carrier_samples(world: World, device: str) -> Iterator[Sample]:
    """Yield how often the carrier came and went; before Linux 4.16 there is only the sum of both."""
    came, went = (
        _read_attribute(world, device, "carrier_up_count"),
        _read_attribute(world, device, "carrier_down_count"),
    )
    if came is not None and went is not None:
        yield CAME(int(came), device)
        yield WENT(int(went), device)
        yield CHANGES(int(came) + int(went), device)  # which is what the kernel writes in carrier_changes
    elif (both := _read_attribute(world, device, "carrier_changes")) is not None:
        yield CHANGES(int(both), device)


@dataclass
class _DeviceSettings:
    world: World
    device: str
    number: bytes
    at: float
    address: str
    broadcast: str
    alias: str
    samples: list[Sample]
    silent: dict[str, bytes] = field(default_factory=dict)  # attributes that had no value, and the state and flags then

    def read_attribute(self, name: str, state: bytes) -> bytes | None:
        """Return an attribute; one that had no value is tried again when the interface's state is another.

        Loopback never tells its speed, others not while they are down; each attempt would open the file anew.
        """
        if self.silent.get(name) == state:
            return None
        found = _read_attribute(self.world, self.device, name)
        if found is None:
            self.silent[name] = state
        return found


class SettingsCache(Source):
    """What only an administrator changes of an interface, read anew once a minute and when it is another one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, _DeviceSettings] = {}

    def keep_only(self, names: list[str]) -> list[str]:
        """Return these names; what is known of others is forgotten."""
        if self._known.keys() - names:
            self._known = {name: known for name, known in self._known.items() if name in names}
        return names

    def get(self, device: str, index: bytes) -> _DeviceSettings:
        """Return the settings of an interface; its number tells it from an older one of the same name."""
        now = self._world.clock()
        known = self._known.get(device)
        if known is None or known.number != index or not 0 <= now - known.at < _REFRESH_SECONDS:
            known = self._known[device] = self._read_settings(device, index, now)
        return known

    def _read_settings(self, device: str, index: bytes, now: float) -> _DeviceSettings:
        found = {name: _read_attribute(self._world, device, name, keep=False) for name in SETTINGS}
        samples = [
            metric(in_numbers(data), device)
            for name, (metric, in_numbers) in SETTINGS.items()
            if (data := found[name]) is not None
        ]
        address, broadcast, alias = (
            procfs.decode_text(_read_attribute(self._world, device, name, keep=False) or b"")
            for name in ("address", "broadcast", "ifalias")
        )
        return _DeviceSettings(self._world, device, index, now, address, broadcast, alias, samples)


def _read_attribute(world: World, device: str, name: str, *, keep: bool = True) -> bytes | None:
    """Return an attribute; None where this kind of interface has none, or has none while it is down."""
    try:
        return procfs.read_sys(world, f"class/net/{device}/{name}", keep=keep)
    except NoData:
        return None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return None
        raise
