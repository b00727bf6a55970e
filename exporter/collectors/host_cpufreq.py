"""Clock frequency of each CPU, from /sys/devices/system/cpu (Documentation/admin-guide/pm/cpufreq.rst)."""

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

_FOLDER = "devices/system/cpu/cpufreq"
METRICS = {
    "scaling_cur_freq": Metric(
        "node_cpu_scaling_frequency_hertz", "gauge", "Current clock frequency of the CPU.", ("cpu",)
    ),
    "scaling_min_freq": Metric(
        "node_cpu_scaling_frequency_min_hertz", "gauge", "Minimum clock frequency allowed.", ("cpu",)
    ),
    "scaling_max_freq": Metric(
        "node_cpu_scaling_frequency_max_hertz", "gauge", "Maximum clock frequency allowed.", ("cpu",)
    ),
}


@collector(
    *METRICS.values(),
    _readings.FAILED,
    peer="node:cpufreq",
    needs="sys/devices/system/cpu/cpufreq",
    files=("sys/devices/system/cpu/cpufreq/*/*",),
)
def collect(world: World) -> Iterator[Sample]:
    """Clock frequency of each CPU, and its limits."""
    policies = procfs.list_sys(world, _FOLDER)
    yield from _readings.read_independently(world, "host_cpufreq", lambda readings: _policy_samples(policies, readings))


def _policy_samples(policies: list[str], readings: Readings) -> Iterator[Sample]:
    for policy in policies:  # CPUs that share a clock share a policy
        cpus = readings.read_text(f"{_FOLDER}/{policy}/affected_cpus").split()
        for file, metric in METRICS.items():
            kilohertz = readings.read_number(f"{_FOLDER}/{policy}/{file}") if cpus else None
            if kilohertz is not None:
                for cpu in cpus:
                    yield metric(kilohertz * 1000, cpu)
