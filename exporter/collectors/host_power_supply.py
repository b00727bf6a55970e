"""Batteries and mains, from /sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _sensor
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

_MICRO, _TENTH = 1_000_000, 10  # the kernel writes microvolts, -amperes, -watt hours …, and tenths of a degree
# By file: the metric's name where it is another, what the kernel's number is divided by, and what it says.
_FILES: dict[str, tuple[str, int, str]] = {
    "authentic": ("", 1, "1 if the battery is the maker's own."),
    "calibrate": ("", 1, "1 while the battery is being calibrated."),
    "capacity": ("", 1, "How full the battery is, in percent."),
    "capacity_alert_max": ("", 1, "Percent of charge above which the driver warns."),
    "capacity_alert_min": ("", 1, "Percent of charge below which the driver warns."),
    "cycle_count": ("cyclecount", 1, "Times that the battery was charged."),
    "online": ("", 1, "1 if the supply is connected (2 if it is a programmable one), else 0."),
    "present": ("", 1, "1 if the battery is there, else 0."),
    "time_to_empty_now": ("time_to_empty_seconds", 1, "Time until the battery is empty."),
    "time_to_full_now": ("time_to_full_seconds", 1, "Time until the battery is full."),
    "current_boot": ("", _MICRO, "Current at boot, in amperes."),
    "current_max": ("", _MICRO, "Highest current, in amperes."),
    "current_now": ("current_ampere", _MICRO, "Current."),
    "energy_empty": ("", _MICRO, "Energy at which the battery counts as empty, in watt hours."),
    "energy_empty_design": ("", _MICRO, "Energy at which the battery was made to count as empty, in watt hours."),
    "energy_full": ("", _MICRO, "Energy that the battery can hold now, in watt hours."),
    "energy_full_design": ("", _MICRO, "Energy that the battery was made to hold, in watt hours."),
    "energy_now": ("energy_watthour", _MICRO, "Energy in the battery."),
    "voltage_boot": ("", _MICRO, "Voltage at boot, in volts."),
    "voltage_max": ("", _MICRO, "Highest voltage, in volts."),
    "voltage_max_design": ("", _MICRO, "Highest voltage that the battery was made for, in volts."),
    "voltage_min": ("", _MICRO, "Lowest voltage, in volts."),
    "voltage_min_design": ("", _MICRO, "Lowest voltage that the battery was made for, in volts."),
    "voltage_now": ("voltage_volt", _MICRO, "Voltage."),
    "voltage_ocv": ("", _MICRO, "Voltage without load, in volts."),
    "charge_control_limit": ("", _MICRO, "Limit of the charging current, in amperes."),
    "charge_control_limit_max": ("", _MICRO, "Highest limit of the charging current, in amperes."),
    "charge_counter": ("", _MICRO, "Charge that the battery's own counter tells, in ampere hours."),
    "charge_empty": ("", _MICRO, "Charge at which the battery counts as empty, in ampere hours."),
    "charge_empty_design": ("", _MICRO, "Charge at which the battery was made to count as empty, in ampere hours."),
    "charge_full": ("", _MICRO, "Charge that the battery can hold now, in ampere hours."),
    "charge_full_design": ("", _MICRO, "Charge that the battery was made to hold, in ampere hours."),
    "charge_now": ("charge_ampere", _MICRO, "Charge of the battery, in ampere hours."),
    "charge_term_current": ("", _MICRO, "Current below which charging ends, in amperes."),
    "constant_charge_current": ("", _MICRO, "Current while charging at constant current, in amperes."),
    "constant_charge_current_max": ("", _MICRO, "Highest current while charging at constant current, in amperes."),
    "constant_charge_voltage": ("", _MICRO, "Voltage while charging at constant voltage, in volts."),
    "constant_charge_voltage_max": ("", _MICRO, "Highest voltage while charging at constant voltage, in volts."),
    "precharge_current": ("", _MICRO, "Current while a flat battery is revived, in amperes."),
    "input_current_limit": ("", _MICRO, "Most current that is drawn from the supply, in amperes."),
    "power_now": ("power_watt", _MICRO, "Power."),
    "temp": ("temp_celsius", _TENTH, "Temperature."),
    "temp_alert_max": ("temp_alert_max_celsius", _TENTH, "Temperature above which the driver warns."),
    "temp_alert_min": ("temp_alert_min_celsius", _TENTH, "Temperature below which the driver warns."),
    "temp_ambient": ("temp_ambient_celsius", _TENTH, "Temperature around the battery."),
    "temp_ambient_alert_max": (
        "temp_ambient_max_celsius",
        _TENTH,
        "Temperature around the battery above which the driver warns.",
    ),
    "temp_ambient_alert_min": (
        "temp_ambient_min_celsius",
        _TENTH,
        "Temperature around the battery below which the driver warns.",
    ),
    "temp_max": ("temp_max_celsius", _TENTH, "Highest temperature at which it works."),
    "temp_min": ("temp_min_celsius", _TENTH, "Lowest temperature at which it works."),
}
_WORDS = (
    *("capacity_level", "charge_type", "health", "manufacturer", "model_name", "scope", "serial_number", "status"),
    *("technology", "type", "usb_type"),
)
INFO = Metric("node_power_supply_info", "gauge", "What the supply is, in labels; always 1.", ("power_supply", *_WORDS))
METRICS = {
    file: (Metric(f"node_power_supply_{name or file}", "gauge", about, ("power_supply",)), unit)
    for file, (name, unit, about) in _FILES.items()
}


@collector(INFO, *(metric for metric, _ in METRICS.values()), peer="node:powersupplyclass")
def collect(world: World) -> Iterator[Sample]:
    """Batteries and mains: charge, voltage, current, temperature, and whether they are connected."""
    for supply in procfs.list_sys(world, "class/power_supply"):
        folder = f"class/power_supply/{supply}"
        for file in procfs.list_sys(world, folder):
            if file in METRICS:
                value = _sensor.read_number(world, f"{folder}/{file}")
                if value is not None:
                    metric, unit = METRICS[file]
                    yield metric(value / unit, supply)
        words = (
            procfs.decode_text(_sensor.read_attribute(world, f"{folder}/{word}") or b"").strip() for word in _WORDS
        )
        yield INFO(1, supply, *words)
