"""Temperatures, fans, voltages and power, from /sys/class/hwmon (Documentation/hwmon/sysfs-interface.rst)."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _readings
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.readings import Readings
    from deckwatch.exporter.world import World


def _declare_gauge(name: str, help_text: str) -> Metric:
    return Metric(f"node_hwmon_{name}", "gauge", help_text, ("chip", "sensor"))


# By kind of sensor and attribute, with the divisor of the kernel's value.
METRICS = {
    ("temp", "input"): (_declare_gauge("temp_celsius", "Temperature."), 1000),
    ("temp", "max"): (_declare_gauge("temp_max_celsius", "Maximum temperature."), 1000),
    ("temp", "crit"): (_declare_gauge("temp_crit_celsius", "Critical temperature."), 1000),
    ("temp", "crit_hyst"): (
        _declare_gauge("temp_crit_hyst_celsius", "Temperature below which the critical alarm ends."),
        1000,
    ),
    ("temp", "crit_alarm"): (
        _declare_gauge(
            "temp_crit_alarm_celsius", "1 while the temperature is critical, else 0; the unit is in the name only."
        ),
        1,
    ),
    ("fan", "input"): (_declare_gauge("fan_rpm", "Speed of the fan, in revolutions per minute."), 1),
    ("fan", "min"): (_declare_gauge("fan_min_rpm", "Minimum speed of the fan, in revolutions per minute."), 1),
    ("fan", "max"): (_declare_gauge("fan_max_rpm", "Maximum speed of the fan, in revolutions per minute."), 1),
    ("fan", "alarm"): (_declare_gauge("fan_alarm", "1 while the fan is too slow, else 0."), 1),
    ("in", "input"): (_declare_gauge("in_volts", "Voltage."), 1000),
    ("in", "min"): (_declare_gauge("in_min_volts", "Minimum voltage."), 1000),
    ("in", "max"): (_declare_gauge("in_max_volts", "Maximum voltage."), 1000),
    ("curr", "input"): (_declare_gauge("curr_amps", "Current."), 1000),
    ("power", "input"): (_declare_gauge("power_watt", "Power."), 1_000_000),
    ("power", "average"): (_declare_gauge("power_average_watt", "Power, averaged by the sensor."), 1_000_000),
}
CHIP = Metric("node_hwmon_chip_names", "gauge", "Name of the chip, in a label; always 1.", ("chip", "chip_name"))
LABEL = Metric("node_hwmon_sensor_label", "gauge", "Label of the sensor; always 1.", ("chip", "sensor", "label"))

_FILE = re.compile(r"(temp|fan|in|curr|power)(\d+)_(\w+)")


@collector(
    *(metric for metric, _ in METRICS.values()),
    CHIP,
    LABEL,
    _readings.FAILED,
    peer="node:hwmon",
    needs="sys/class/hwmon",
    files=("sys/class/hwmon/*/*",),
)
def collect(world: World) -> Iterator[Sample]:
    """Temperatures, fan speeds, voltages and power, from hardware sensors."""
    folders = procfs.list_sys(world, "class/hwmon")
    yield from _readings.read_independently(
        world, "host_hwmon", lambda readings: _chip_samples(world, folders, readings)
    )


def _chip_samples(world: World, folders: list[str], readings: Readings) -> Iterator[Sample]:
    names = {folder: _clean_name(readings.read_text(f"class/hwmon/{folder}/name")) for folder in folders}
    for folder, chip in _chip_labels(world, names).items():
        if names[folder]:
            yield CHIP(1, chip, names[folder])
        paths: dict[str, str] = {}
        for path in (f"class/hwmon/{folder}", f"class/hwmon/{folder}/device"):  # older drivers have their files here
            paths |= {file: f"{path}/{file}" for file in readings.list_names(path)}
        yield from _sensor_samples(readings, paths, chip)


def _sensor_samples(readings: Readings, paths: dict[str, str], chip: str) -> Iterator[Sample]:
    for file, path in paths.items():
        match = _FILE.fullmatch(file)
        if not match:
            continue
        kind, number, attribute = match.groups()
        sensor = kind + number
        if attribute == "label":
            yield LABEL(1, chip, sensor, readings.read_text(path))
        elif (kind, attribute) in METRICS:
            metric, unit = METRICS[kind, attribute]
            value = readings.read_number(path)
            if value is not None:
                yield metric(value / unit, chip, sensor)


def _chip_labels(world: World, names: dict[str, str]) -> dict[str, str]:
    """Return the label `chip` of each folder: its device, because hwmon0, hwmon1, … are renumbered at every boot.

    Where several belong to one device, the chip's name is appended, or the folder's where the names are equal too.
    """
    devices = {folder: _bus_and_device(world, folder) or name or folder for folder, name in names.items()}
    of_device = Counter(devices.values())
    of_name = Counter((device, names[folder]) for folder, device in devices.items())
    chips = {}
    for folder, device in devices.items():
        if of_device[device] == 1:
            chips[folder] = device
        else:
            name = names[folder] if of_name[device, names[folder]] == 1 else ""
            chips[folder] = f"{device}_{name or folder}"
    return chips


def _bus_and_device(world: World, folder: str) -> str:
    """Return bus and device, such as platform_coretemp_0; empty where there is no device."""
    link = f"{world.sysfs}/class/hwmon/{folder}/device"
    if not os.path.lexists(link):
        return ""
    bus, device = os.path.realpath(link).split("/")[-2:]
    return "_".join(filter(None, (_clean_name(bus), _clean_name(device))))


def _clean_name(name: str) -> str:
    return re.sub(r"[^a-z0-9:_]", "_", name.strip().lower()).strip("_")
