"""Thermal zones and cooling devices, from /sys/class/thermal (Documentation/ABI/testing/sysfs-class-thermal)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _readings
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.readings import Readings
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
    TEMPERATURE,
    STATE,
    MAX_STATE,
    _readings.FAILED,
    peer="node:thermal_zone",
    needs="sys/class/thermal",
    files=("sys/class/thermal/*/*",),
)
def collect(world: World) -> Iterator[Sample]:
    """Temperatures of thermal zones and states of cooling devices."""
    names = procfs.list_sys(world, "class/thermal")
    yield from _readings.read_independently(world, "host_thermal", lambda readings: _device_samples(names, readings))


def _device_samples(names: list[str], readings: Readings) -> Iterator[Sample]:
    for name in names:
        folder = f"class/thermal/{name}"
        kind = readings.read_text(f"{folder}/type")
        if name.startswith("thermal_zone"):
            temperature = readings.read_number(f"{folder}/temp")
            if temperature is not None:
                yield TEMPERATURE(temperature / 1000, name.removeprefix("thermal_zone"), kind)
        elif name.startswith("cooling_device"):
            for metric, file in ((STATE, "cur_state"), (MAX_STATE, "max_state")):
                state = readings.read_number(f"{folder}/{file}")
                if state is not None:
                    yield metric(state, name.removeprefix("cooling_device"), kind)
