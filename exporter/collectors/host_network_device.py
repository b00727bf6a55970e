"""State of network interfaces, from /sys/class/net (Documentation/ABI/testing/sysfs-class-net)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _host_filters, _readings
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.sources.readings import Readings
    from deckwatch.exporter.world import World

T = TypeVar("T")

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
    *(
        UP,
        INFO,
        INDEX,
        FLAGS,
        SPEED,
        CARRIER_UPS,
        CARRIER_DOWNS,
        CHANGES,
        *NOW.values(),
        *_SETTINGS_METRICS,
        _readings.FAILED,
    ),
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
    shown = world.source(_host_filters.HostFilters).interfaces
    devices = world.source(SettingsCache).keep_only(procfs.list_sys(world, "class/net"))
    return _readings.read_independently(
        world,
        "host_network_device",
        lambda readings: itertools.chain.from_iterable(
            _device_samples(world, readings, device) for device in devices if shown.is_shown(device)
        ),
    )


def _device_samples(world: World, readings: Readings, device: str) -> Iterator[Sample]:
    folder = f"class/net/{device}"
    state = readings.read_attribute(f"{folder}/operstate")
    if state is not None:
        yield UP(int(state == b"up"), device)
    elif not readings.has_failed(f"{folder}/operstate"):
        return  # a file among the folders (bonding_masters), or an interface just removed
    index = readings.read_number(f"{folder}/ifindex")
    if index is not None:
        yield INDEX(index, device)
    flags, admin = readings.read_value(f"{folder}/flags", _parse_hexadecimal), "unknown"
    if flags is not None:
        yield FLAGS(flags, device)
        admin = "up" if flags & _IFF_UP else "down"
    settings = world.source(SettingsCache).get(readings, device, index)
    settings.forget_silence(state, flags)
    duplex = settings.read_value(readings, "duplex", procfs.decode_text) or ""
    operstate = "" if state is None else procfs.decode_text(state)
    yield INFO(1, device, settings.address, settings.broadcast, duplex, operstate, admin, settings.alias)
    for name, metric in NOW.items():
        value = settings.read_value(readings, name, int)
        if value is not None:
            yield metric(value, device)
    speed = settings.read_value(readings, "speed", int)
    if speed is not None:
        yield SPEED(speed * _MBIT, device)
    yield from _carrier_samples(readings, device)
    yield from settings.samples


def _carrier_samples(readings: Readings, device: str) -> Iterator[Sample]:
    """Yield how often the carrier came up and went down; before Linux 4.16 there is only the sum."""
    folder = f"class/net/{device}"
    ups = readings.read_number(f"{folder}/carrier_up_count")
    downs = readings.read_number(f"{folder}/carrier_down_count")
    if ups is not None:
        yield CARRIER_UPS(ups, device)
    if downs is not None:
        yield CARRIER_DOWNS(downs, device)
    if ups is not None and downs is not None:
        yield CHANGES(ups + downs, device)  # the kernel's carrier_changes
    elif (changes := readings.read_number(f"{folder}/carrier_changes")) is not None:
        yield CHANGES(changes, device)


@dataclass
class _DeviceSettings:
    device: str
    number: int | None
    at: float
    address: str
    broadcast: str
    alias: str
    samples: list[Sample]
    # Attributes without a value in this state and with these flags. Loopback never has a speed, other interfaces have
    # none while down; each attempt would open the file again.
    silent: set[str] = field(default_factory=set)
    condition: tuple[bytes | None, int | None] = (None, None)

    def forget_silence(self, state: bytes | None, flags: int | None) -> None:
        """Read attributes without a value again if the interface's state has changed."""
        if self.condition != (state, flags):
            self.condition = state, flags
            self.silent.clear()

    def read_value(self, readings: Readings, name: str, parse: Callable[[bytes], T]) -> T | None:
        """Return an attribute's parsed content; None where it has no value, or reading or parsing it fails."""
        if name in self.silent:
            return None
        path = f"class/net/{self.device}/{name}"
        value = readings.read_value(path, parse)
        if value is None and not readings.has_failed(path):
            self.silent.add(name)
        return value


class SettingsCache(Source):
    """Settings that only an administrator changes, read once a minute and when the interface was replaced."""

    def __init__(self, world: World) -> None:
        self._age_clock = world.age_clock
        self._known: dict[str, _DeviceSettings] = {}

    def keep_only(self, names: list[str]) -> list[str]:
        """Return these names; drop the settings of other interfaces."""
        if self._known.keys() - names:
            self._known = {name: known for name, known in self._known.items() if name in names}
        return names

    def get(self, readings: Readings, device: str, index: int | None) -> _DeviceSettings:
        """Return the settings of an interface; its index distinguishes it from an earlier one of the same name."""
        now = self._age_clock()
        known = self._known.get(device)
        if known is None or known.number != index or now - known.at >= _REFRESH_SECONDS:
            known = self._known[device] = _read_settings(readings, device, index, now)
        return known


def _read_settings(readings: Readings, device: str, index: int | None, now: float) -> _DeviceSettings:
    folder = f"class/net/{device}"
    values = {
        metric: readings.read_value(f"{folder}/{name}", parse, keep=False) for name, (metric, parse) in SETTINGS.items()
    }
    samples = [metric(value, device) for metric, value in values.items() if value is not None]
    address, broadcast, alias = (
        procfs.decode_text(readings.read_attribute(f"{folder}/{name}", keep=False) or b"")
        for name in ("address", "broadcast", "ifalias")
    )
    # What failed is tried again at the next scrape, so that its count does not depend on the minute.
    if any(readings.has_failed(f"{folder}/{name}") for name in (*SETTINGS, "address", "broadcast", "ifalias")):
        now = -math.inf
    return _DeviceSettings(device, index, now, address, broadcast, alias, samples)
