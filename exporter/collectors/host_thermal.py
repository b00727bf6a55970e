"""Thermal zones and cooling devices, from /sys/class/thermal (Documentation/ABI/testing/sysfs-class-thermal)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _sensor
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

TEMPERATURE = Metric(
    "node_thermal_zone_temp", "gauge", "Temperature of the zone, in degrees Celsius.", ("zone", "type"), unit="celsius"
)
STATE = Metric(
    "node_cooling_device_cur_state", "gauge", "Current throttle state of the cooling device.", ("name", "type")
)
MAX_STATE = Metric(
    "node_cooling_device_max_state", "gauge", "Maximum throttle state of the cooling device.", ("name", "type")
)


@collector(
    TEMPERATURE, STATE, MAX_STATE, peer="node:thermal_zone", needs="sys/class/thermal", files=("sys/class/thermal/*/*",)
)
def collect(world: World) -> Iterator[Sample]:
    """Temperatures of thermal zones and states of cooling devices."""
    for name in procfs.list_sys(world, "class/thermal"):
        folder = f"class/thermal/{name}"
        kind = procfs.decode_text(_sensor.read_attribute(world, f"{folder}/type") or b"")
        if name.startswith("thermal_zone"):
            temperature = _sensor.read_number(world, f"{folder}/temp")
            if temperature is not None:
                yield TEMPERATURE(temperature / 1000, name.removeprefix("thermal_zone"), kind)
        elif name.startswith("cooling_device"):
            for metric, file in ((STATE, "cur_state"), (MAX_STATE, "max_state")):
                state = _sensor.read_number(world, f"{folder}/{file}")
                if state is not None:
                    yield metric(state, name.removeprefix("cooling_device"), kind)
