"""Units of systemd, from org.freedesktop.systemd1(5) on the host's system bus."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _host_filters
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.systemd import Property, Systemd, Unit
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

_REFRESH_SECONDS = 60.0  # a service's type changes only with its unit file


def _declare_metric(name: str, kind: str, help_text: str, *labels: str) -> Metric:
    return Metric(f"node_systemd_{name}", "counter" if kind == "counter" else "gauge", help_text, labels)


STATE = _declare_metric("unit_state", "gauge", "1 for the current state of the unit, else 0.", "name", "state", "type")
UNITS = _declare_metric("units", "gauge", "Units by state.", "state")
RUNNING = _declare_metric("system_running", "gauge", "1 if the system is running and no unit has failed, else 0.")
VERSION = _declare_metric("version", "gauge", "Version of systemd; the label has the full version.", "version")
VIRTUALIZATION = _declare_metric(
    "virtualization_info",
    "gauge",
    "Virtualization of the machine: kvm, lxc, … or none; always 1.",
    "virtualization_type",
)
RESTARTS = _declare_metric("service_restart_total", "counter", "Restarts of the service by systemd.", "name")
TRIGGERED = _declare_metric("timer_last_trigger_seconds", "gauge", "Last trigger of the timer, as a Unix time.", "name")
ACCEPTED = _declare_metric(
    "socket_accepted_connections_total", "counter", "Connections accepted by the socket.", "name"
)
OPEN = _declare_metric("socket_current_connections", "gauge", "Current connections of the socket.", "name")
# A counter, but node_exporter declares it as a gauge.
DENIED = _declare_metric(
    "socket_refused_connections_total", "gauge", "Connections refused because there were too many.", "name"
)

_STATES = ("active", "activating", "deactivating", "inactive", "failed")
# By the suffix of a unit's name: its D-Bus interface and the properties read from it.
_PROPERTIES = {
    "service": ("Service", {"NRestarts": (RESTARTS, 1)}),
    "timer": ("Timer", {"LastTriggerUSec": (TRIGGERED, 1_000_000)}),
    "socket": ("Socket", {"NAccepted": (ACCEPTED, 1), "NConnections": (OPEN, 1), "NRefused": (DENIED, 1)}),
}


@collector(
    *(STATE, UNITS, RUNNING, VERSION, VIRTUALIZATION, RESTARTS, TRIGGERED, ACCEPTED, OPEN, DENIED),
    default=False,
    peer="node:systemd",
    needs="",
)
def collect(world: World) -> Iterator[Sample]:
    """Units of systemd by state, restarts of services, connections of sockets, timers."""
    systemd = world.source(Systemd)
    units = systemd.list_units()
    yield from _manager_samples(systemd)
    counts = Counter(unit.active for unit in units)
    for state in dict.fromkeys((*_STATES, *sorted(counts))):
        yield UNITS(counts[state], state)
    shown = world.source(_host_filters.HostFilters).units
    units = [unit for unit in units if unit.loaded == "loaded" and shown.is_shown(unit.name)]
    types = world.source(ServiceTypeCache).service_types(units)
    for unit in units:
        for state in _STATES:
            yield STATE(int(unit.active == state), unit.name, state, types.get(unit.name, ""))
    properties = [
        (Property(unit, interface, name), *metric_and_divisor)
        for unit in units
        if (suffix := _unit_suffix(unit)) in _PROPERTIES
        for interface, names in (_PROPERTIES[suffix],)
        for name, metric_and_divisor in names.items()
    ]
    values = systemd.unit_properties([wanted for wanted, *_ in properties])
    for (wanted, metric, divisor), value in zip(properties, values, strict=True):
        if isinstance(value, int):
            yield metric(value / divisor if divisor > 1 else value, wanted.unit.name)


def _manager_samples(systemd: Systemd) -> Iterator[Sample]:
    version, virtualization, state = systemd.manager_properties("Version", "Virtualization", "SystemState")
    number = re.search(r"[0-9]{3,}(\.[0-9]+)?", str(version or ""))
    yield VERSION(float(number[0]) if number else 0, str(version or ""))
    yield VIRTUALIZATION(1, str(virtualization or "none"))
    yield RUNNING(int(state == "running"))


def _unit_suffix(unit: Unit) -> str:
    return unit.name.rpartition(".")[2]


class ServiceTypeCache(Source):
    """Types of services (simple, notify, oneshot, …), read once a minute and when a service is added."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at = 0.0
        self._types: dict[str, str] = {}

    def service_types(self, units: list[Unit]) -> dict[str, str]:
        """Return the type of each service by its name."""
        now = self._world.age_clock()
        if now - self._at >= _REFRESH_SECONDS:
            self._at, self._types = now, {}
        services = [unit for unit in units if _unit_suffix(unit) == "service"]
        unknown = [unit for unit in services if unit.name not in self._types]
        answers = self._world.source(Systemd).unit_properties([Property(unit, "Service", "Type") for unit in unknown])
        self._types |= {unit.name: str(answer or "") for unit, answer in zip(unknown, answers, strict=True)}
        return self._types
