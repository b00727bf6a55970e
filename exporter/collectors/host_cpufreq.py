"""Clock frequency of each CPU, from /sys/devices/system/cpu (Documentation/admin-guide/pm/cpufreq.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _sensor
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


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
    peer="node:cpufreq",
    needs="sys/devices/system/cpu/cpufreq",
    files=("sys/devices/system/cpu/cpufreq/*/*",),
)
def collect(world: World) -> Iterator[Sample]:
    """Clock frequency of each CPU, and its limits."""
    folder = "devices/system/cpu/cpufreq"
    for policy in procfs.list_sys(world, folder):  # CPUs that share a clock share a policy
        cpus = procfs.decode_text(_sensor.read_attribute(world, f"{folder}/{policy}/affected_cpus") or b"").split()
        for file, metric in METRICS.items():
            kilohertz = _sensor.read_number(world, f"{folder}/{policy}/{file}") if cpus else None
            if kilohertz is not None:
                for cpu in cpus:
                    yield metric(kilohertz * 1000, cpu)
