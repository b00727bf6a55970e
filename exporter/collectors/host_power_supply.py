"""Batteries and mains, from /sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power)."""

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

_MICRO, _TENTH = 1_000_000, 10  # the kernel writes microvolts, -amperes, -watt hours …, and tenths of a degree
# By file: the metric's name where it differs, the divisor of the kernel's value, and the help text.
_FILES: dict[str, tuple[str, int, str]] = {
    "authentic": ("", 1, "1 if the battery is authentic, else 0."),
    "calibrate": ("", 1, "1 while the battery is being calibrated, else 0."),
    "capacity": ("", 1, "Charge of the battery, in percent."),
    "capacity_alert_max": ("", 1, "Charge in percent above which the driver raises an alert."),
    "capacity_alert_min": ("", 1, "Charge in percent below which the driver raises an alert."),
    "cycle_count": ("cyclecount", 1, "Charge cycles of the battery."),
    "online": ("", 1, "1 if the supply is connected (2 if programmable), else 0."),
    "present": ("", 1, "1 if the battery is present, else 0."),
    "time_to_empty_now": ("time_to_empty_seconds", 1, "Time until the battery is empty."),
    "time_to_full_now": ("time_to_full_seconds", 1, "Time until the battery is full."),
    "current_boot": ("", _MICRO, "Current at boot, in amperes."),
    "current_max": ("", _MICRO, "Maximum current, in amperes."),
    "current_now": ("current_ampere", _MICRO, "Current."),
    "energy_empty": ("", _MICRO, "Energy at which the battery counts as empty, in watt hours."),
    "energy_empty_design": ("", _MICRO, "Design energy at which the battery counts as empty, in watt hours."),
    "energy_full": ("", _MICRO, "Energy of the full battery, in watt hours."),
    "energy_full_design": ("", _MICRO, "Design energy of the full battery, in watt hours."),
    "energy_now": ("energy_watthour", _MICRO, "Energy in the battery."),
    "voltage_boot": ("", _MICRO, "Voltage at boot, in volts."),
    "voltage_max": ("", _MICRO, "Maximum voltage, in volts."),
    "voltage_max_design": ("", _MICRO, "Maximum voltage by design, in volts."),
    "voltage_min": ("", _MICRO, "Minimum voltage, in volts."),
    "voltage_min_design": ("", _MICRO, "Minimum voltage by design, in volts."),
    "voltage_now": ("voltage_volt", _MICRO, "Voltage."),
    "voltage_ocv": ("", _MICRO, "Open circuit voltage, in volts."),
    "charge_control_limit": ("", _MICRO, "Limit of the charging current, in amperes."),
    "charge_control_limit_max": ("", _MICRO, "Maximum limit of the charging current, in amperes."),
    "charge_counter": ("", _MICRO, "Charge counter of the battery, in ampere hours."),
    "charge_empty": ("", _MICRO, "Charge at which the battery counts as empty, in ampere hours."),
    "charge_empty_design": ("", _MICRO, "Design charge at which the battery counts as empty, in ampere hours."),
    "charge_full": ("", _MICRO, "Charge of the full battery, in ampere hours."),
    "charge_full_design": ("", _MICRO, "Design charge of the full battery, in ampere hours."),
    "charge_now": ("charge_ampere", _MICRO, "Charge of the battery, in ampere hours."),
    "charge_term_current": ("", _MICRO, "Current below which charging ends, in amperes."),
    "constant_charge_current": ("", _MICRO, "Charging current in the constant current phase, in amperes."),
    "constant_charge_current_max": ("", _MICRO, "Maximum charging current in the constant current phase, in amperes."),
    "constant_charge_voltage": ("", _MICRO, "Charging voltage in the constant voltage phase, in volts."),
    "constant_charge_voltage_max": ("", _MICRO, "Maximum charging voltage in the constant voltage phase, in volts."),
    "precharge_current": ("", _MICRO, "Precharge current of a depleted battery, in amperes."),
    "input_current_limit": ("", _MICRO, "Limit of the current drawn from the supply, in amperes."),
    "power_now": ("power_watt", _MICRO, "Power."),
    "temp": ("temp_celsius", _TENTH, "Temperature."),
    "temp_alert_max": ("temp_alert_max_celsius", _TENTH, "Temperature above which the driver raises an alert."),
    "temp_alert_min": ("temp_alert_min_celsius", _TENTH, "Temperature below which the driver raises an alert."),
    "temp_ambient": ("temp_ambient_celsius", _TENTH, "Ambient temperature of the battery."),
    "temp_ambient_alert_max": (
        "temp_ambient_max_celsius",
        _TENTH,
        "Ambient temperature of the battery above which the driver raises an alert.",
    ),
    "temp_ambient_alert_min": (
        "temp_ambient_min_celsius",
        _TENTH,
        "Ambient temperature of the battery below which the driver raises an alert.",
    ),
    "temp_max": ("temp_max_celsius", _TENTH, "Maximum operating temperature."),
    "temp_min": ("temp_min_celsius", _TENTH, "Minimum operating temperature."),
}
_WORDS = (
    *("capacity_level", "charge_type", "health", "manufacturer", "model_name", "scope", "serial_number", "status"),
    *("technology", "type", "usb_type"),
)
INFO = Metric(
    "node_power_supply_info", "gauge", "Information about the supply, in labels; always 1.", ("power_supply", *_WORDS)
)
METRICS = {
    file: (Metric(f"node_power_supply_{name or file}", "gauge", about, ("power_supply",)), unit)
    for file, (name, unit, about) in _FILES.items()
}


@collector(
    INFO,
    *(metric for metric, _ in METRICS.values()),
    _readings.FAILED,
    peer="node:powersupplyclass",
    needs="sys/class/power_supply",
    files=("sys/class/power_supply/*/*",),
)
def collect(world: World) -> Iterator[Sample]:
    """Batteries and mains: charge, voltage, current, temperature, and whether they are connected."""
    supplies = procfs.list_sys(world, "class/power_supply")
    yield from _readings.read_independently(
        world, "host_power_supply", lambda readings: _supply_samples(supplies, readings)
    )


def _supply_samples(supplies: list[str], readings: Readings) -> Iterator[Sample]:
    for supply in supplies:
        folder = f"class/power_supply/{supply}"
        for file in readings.list_names(folder):
            if file in METRICS:
                value = readings.read_number(f"{folder}/{file}")
                if value is not None:
                    metric, unit = METRICS[file]
                    yield metric(value / unit, supply)
        yield INFO(1, supply, *(readings.read_text(f"{folder}/{word}").strip() for word in _WORDS))
