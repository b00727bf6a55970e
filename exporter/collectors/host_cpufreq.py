"""Clock of each CPU, from /sys/devices/system/cpu (Documentation/admin-guide/pm/cpufreq.rst)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.collectors import _sensor
from exporter.metric import Metric, Sample
from exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.world import World


METRICS = {
    "scaling_cur_freq": Metric("node_cpu_scaling_frequency_hertz", "gauge", "Clock of the CPU.", ("cpu",)),
    "scaling_min_freq": Metric("node_cpu_scaling_frequency_min_hertz", "gauge", "Lowest clock allowed.", ("cpu",)),
    "scaling_max_freq": Metric("node_cpu_scaling_frequency_max_hertz", "gauge", "Highest clock allowed.", ("cpu",)),
}


@collector(*METRICS.values(), peer="node:cpufreq")
def collect(world: World) -> Iterator[Sample]:
    """Clock of each CPU, and its limits."""
    for name in procfs.list_sys(world, "devices/system/cpu"):
        if re.fullmatch(r"cpu\d+", name):
            for file, metric in METRICS.items():
                kilohertz = _sensor.number(world, f"devices/system/cpu/{name}/cpufreq/{file}")
                if kilohertz is not None:
                    yield metric(kilohertz * 1000, name.removeprefix("cpu"))
