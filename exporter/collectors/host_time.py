"""System time, time zone and clock source, from time(2), localtime(5) and /sys/devices/system/clocksource."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs
from deckwatch.exporter.sources.timezone import TimeZone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

TIME = Metric("node_time_seconds", "gauge", "System time, as a Unix time.")
ZONE = Metric("node_time_zone_offset_seconds", "gauge", "Offset of the machine's time zone from UTC.", ("time_zone",))
AVAILABLE = Metric(
    "node_time_clocksource_available_info",
    "gauge",
    "Available clock source, in a label; always 1.",
    ("device", "clocksource"),
)
CURRENT = Metric(
    "node_time_clocksource_current_info",
    "gauge",
    "Current clock source, in a label; always 1.",
    ("device", "clocksource"),
)
_FOLDER = "devices/system/clocksource/clocksource0"  # there is only one (kernel/time/clocksource.c)


@collector(
    TIME,
    ZONE,
    AVAILABLE,
    CURRENT,
    peer="node:time",
    needs="",
    files=("sys/devices/system/clocksource/*/*_clocksource", "root/etc/localtime"),
)
def collect(world: World) -> Iterator[Sample]:
    """System time, time zone and clock sources."""
    now = world.clock()
    yield TIME(now)
    seconds, name = world.source(TimeZone).offset_at(now)
    yield ZONE(seconds, name)
    with contextlib.suppress(NoData):
        for source in procfs.decode_text(procfs.read_sys(world, f"{_FOLDER}/available_clocksource")).split():
            yield AVAILABLE(1, "0", source)
        yield CURRENT(1, "0", procfs.decode_text(procfs.read_sys(world, f"{_FOLDER}/current_clocksource")).strip())
