"""State of network interfaces, from /sys/class/net (Documentation/ABI/testing/sysfs-class-net)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from exporter.collector import NoData, collector
from exporter.collectors import _interface
from exporter.metric import Metric, Sample
from exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.world import World


def _property(name: str, about: str) -> Metric:
    return Metric(f"node_network_{name}", "gauge", about, ("device",))


UP = _property("up", "1 if the interface can pass packets (operstate is up), else 0.")
INFO = Metric(
    "node_network_info",
    "gauge",
    "What the interface is and how it stands, in labels; always 1.",
    ("device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"),
)
SPEED = _property("speed_bytes", "Speed of the link in bytes a second; below 0 where the device cannot tell.")
NUMBERS = {
    "carrier": _property("carrier", "1 if there is a signal on the line, else 0."),
    "mtu": _property("mtu_bytes", "Largest packet the interface takes."),
    "tx_queue_len": _property("transmit_queue_length", "Most packets that may wait to be sent."),
    "carrier_changes": Metric(
        "node_network_carrier_changes_total", "counter", "Times that the carrier came or went.", ("device",)
    ),
    "statistics/rx_nohandler": Metric(
        "node_network_receive_nohandler_total",
        "counter",
        "Packets received that nothing on this machine wanted.",
        ("device",),
    ),
}
_IFF_UP = 1  # include/uapi/linux/if.h
_MBIT = 125_000  # bytes


@collector(UP, INFO, SPEED, *NUMBERS.values(), peer="node:netclass")
def collect(world: World) -> Iterator[Sample]:
    """State, carrier, MTU and speed of each interface."""
    for device in procfs.list_sys(world, "class/net"):
        if _interface.watched(world, device):
            try:
                yield from _device(world, device)
            except NoData:
                continue  # a file among the folders (bonding_masters), or an interface that has just gone


def _device(world: World, device: str) -> Iterator[Sample]:
    state = procfs.text(procfs.read_sys(world, f"class/net/{device}/operstate"))
    yield UP(int(state == "up"), device)
    flags = _read(world, device, "flags")
    admin = "unknown" if flags is None else "up" if int(flags, 16) & _IFF_UP else "down"
    address, broadcast, duplex, alias = (
        procfs.text(_read(world, device, name) or b"") for name in ("address", "broadcast", "duplex", "ifalias")
    )
    yield INFO(1, device, address, broadcast, duplex, state, admin, alias)
    for name, metric in NUMBERS.items():
        number = _read(world, device, name)
        if number is not None:
            yield metric(int(number), device)
    speed = _read(world, device, "speed")
    if speed is not None:
        yield SPEED(int(speed) * _MBIT, device)


def _read(world: World, device: str, name: str) -> bytes | None:
    """Return an attribute; None where this kind of interface has none, or has none while it is down."""
    try:
        return procfs.read_sys(world, f"class/net/{device}/{name}")
    except NoData:
        return None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return None
        raise
