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

_REFRESH_SECONDS = 60.0  # only an administrator changes these settings, and they are half of this collector's cost


def _declare_gauge(name: str, help_text: str) -> Metric:
    return Metric(f"node_network_{name}", "gauge", help_text, ("device",))


def _declare_counter(name: str, help_text: str) -> Metric:
    return Metric(f"node_network_{name}_total", "counter", help_text, ("device",))


UP = _declare_gauge("up", "1 if the interface is operational (operstate is up), else 0.")
INFO = Metric(
    "node_network_info",
    "gauge",
    "Information about the interface, in labels; always 1.",
    ("device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"),
)
INDEX = _declare_gauge("iface_id", "Interface index (ifindex).")
FLAGS = _declare_gauge("flags", "Interface flags as a number (IFF_UP is 1).")
SPEED = _declare_gauge("speed_bytes", "Link speed in bytes per second; negative where unknown.")
CARRIER_UPS = _declare_counter("carrier_up_changes", "Times that the carrier came up.")
CARRIER_DOWNS = _declare_counter("carrier_down_changes", "Times that the carrier went down.")
CHANGES = _declare_counter("carrier_changes", "Times that the carrier came up or went down.")
NOW = {
    "carrier": _declare_gauge("carrier", "1 if the link has a carrier, else 0."),
    "dormant": _declare_gauge("dormant", "1 if the interface is dormant, waiting for an external event, else 0."),
    "statistics/rx_nohandler": _declare_counter(
        "receive_nohandler", "Received packets dropped because nothing handled them."
    ),
}


def _parse_decimal(data: bytes) -> int:
    return int(data)


def _parse_hexadecimal(data: bytes) -> int:
    return int(data, 16)


SETTINGS: dict[str, tuple[Metric, Callable[[bytes], int]]] = {
    "addr_assign_type": (
        _declare_gauge("address_assign_type", "Origin of the address: 0 the device, 1 random, 3 set by a user."),
        _parse_decimal,
    ),
    "dev_id": (
        _declare_gauge("device_id", "Identifier that distinguishes interfaces with the same address."),
        _parse_hexadecimal,
    ),
    "iflink": (
        _declare_gauge("iface_link", "Index of the underlying interface, or its own index."),
        _parse_decimal,
    ),
    "link_mode": (
        _declare_gauge("iface_link_mode", "Link mode: 0 default, 1 dormant."),
        _parse_decimal,
    ),
    "mtu": (_declare_gauge("mtu_bytes", "MTU of the interface."), _parse_decimal),
    "name_assign_type": (
        _declare_gauge(
            "name_assign_type", "Origin of the name: 1 enumerated by the kernel, 3 set by a user, 4 renamed."
        ),
        _parse_decimal,
    ),
    "netdev_group": (
        _declare_gauge("net_dev_group", "Interface group; 0 by default."),
        _parse_decimal,
    ),
    "tx_queue_len": (
        _declare_gauge("transmit_queue_length", "Maximum length of the transmit queue, in packets."),
        _parse_decimal,
    ),
    "type": (
        _declare_gauge("protocol_type", "ARP protocol type of the link: 1 Ethernet, 772 loopback."),
        _parse_decimal,
    ),
}
_SETTINGS_METRICS = tuple(metric for metric, _ in SETTINGS.values())
_IFF_UP = 1  # include/uapi/linux/if.h
_MBIT = 125_000  # bytes


@collector(
    *(UP, INFO, INDEX, FLAGS, SPEED, CARRIER_UPS, CARRIER_DOWNS, CHANGES, *NOW.values(), *_SETTINGS_METRICS),
    peer="node:netclass",
    needs="sys/class/net",
    files=(
        *(f"sys/class/net/*/{name}" for name in ("operstate", "ifindex", "flags", "speed", "duplex", *NOW, *SETTINGS)),
        *(f"sys/class/net/*/{name}" for name in ("address", "broadcast", "ifalias")),
        *(f"sys/class/net/*/{name}" for name in ("carrier_changes", "carrier_up_count", "carrier_down_count")),
    ),
)
def collect(world: World) -> Iterator[Sample]:
    """State, carrier, MTU and speed of each interface; settings are read once a minute."""
    settings, shown = world.source(SettingsCache), world.source(_host_filters.HostFilters).interfaces
    for device in settings.keep_only(procfs.list_sys(world, "class/net")):
        if shown.is_shown(device):
            try:
                yield from _device_samples(world, device, settings)
            except NoData:
                continue  # a file among the folders (bonding_masters), or an interface just removed


def _device_samples(world: World, device: str, cache: SettingsCache) -> Iterator[Sample]:
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
    settings = cache.get(device, index)
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
    """Yield how often the carrier came up and went down; before Linux 4.16 there is only the sum."""
    ups, downs = (
        _read_attribute(world, device, "carrier_up_count"),
        _read_attribute(world, device, "carrier_down_count"),
    )
    if ups is not None and downs is not None:
        yield CARRIER_UPS(int(ups), device)
        yield CARRIER_DOWNS(int(downs), device)
        yield CHANGES(int(ups) + int(downs), device)  # the kernel's carrier_changes
    elif (changes := _read_attribute(world, device, "carrier_changes")) is not None:
        yield CHANGES(int(changes), device)


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
    silent: dict[str, bytes] = field(
        default_factory=dict
    )  # attributes without a value, with the state and flags at that time

    def read_attribute(self, name: str, state: bytes) -> bytes | None:
        """Return an attribute; one without a value is read again only after the interface's state has changed.

        Loopback never has a speed, other interfaces have none while down; each attempt would open the file again.
        """
        if self.silent.get(name) == state:
            return None
        value = _read_attribute(self.world, self.device, name)
        if value is None:
            self.silent[name] = state
        return value


class SettingsCache(Source):
    """Settings that only an administrator changes, read once a minute and when the interface was replaced."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, _DeviceSettings] = {}

    def keep_only(self, names: list[str]) -> list[str]:
        """Return these names; drop the settings of other interfaces."""
        if self._known.keys() - names:
            self._known = {name: known for name, known in self._known.items() if name in names}
        return names

    def get(self, device: str, index: bytes) -> _DeviceSettings:
        """Return the settings of an interface; its index distinguishes it from an earlier one of the same name."""
        now = self._world.clock()
        known = self._known.get(device)
        if known is None or known.number != index or not 0 <= now - known.at < _REFRESH_SECONDS:
            known = self._known[device] = self._read_settings(device, index, now)
        return known

    def _read_settings(self, device: str, index: bytes, now: float) -> _DeviceSettings:
        values = {name: _read_attribute(self._world, device, name, keep=False) for name in SETTINGS}
        samples = [
            metric(parse(data), device)
            for name, (metric, parse) in SETTINGS.items()
            if (data := values[name]) is not None
        ]
        address, broadcast, alias = (
            procfs.decode_text(_read_attribute(self._world, device, name, keep=False) or b"")
            for name in ("address", "broadcast", "ifalias")
        )
        return _DeviceSettings(self._world, device, index, now, address, broadcast, alias, samples)


def _read_attribute(world: World, device: str, name: str, *, keep: bool = True) -> bytes | None:
    """Return an attribute; None where this kind of interface has none, or the interface is down."""
    try:
        return procfs.read_sys(world, f"class/net/{device}/{name}", keep=keep)
    except NoData:
        return None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return None
        raise
