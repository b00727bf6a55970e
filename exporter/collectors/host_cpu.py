"""Time of each CPU by mode, from /proc/stat (fs/proc/stat.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.exporter.world import World

SECONDS = Metric("node_cpu_seconds_total", "counter", "Time a CPU spent in each mode.", ("cpu", "mode"))
GUEST = Metric(
    "node_cpu_guest_seconds_total",
    "counter",
    "Time a CPU ran virtual machines, by mode; it is part of user and nice in node_cpu_seconds_total.",
    ("cpu", "mode"),
)

_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_GUEST_MODES = ("user", "nice")
_IDLE = _MODES.index("idle")
_NEW_CPU_SECONDS = 3  # idle time that falls by more belongs to a CPU that went off and came back with new counters


@collector(SECONDS, GUEST, peer="node:cpu")
def collect(world: World) -> Iterator[Sample]:
    """Seconds each CPU spent in user, system, idle and the other modes."""
    now = procfs.parse_cpus(procfs.read_proc(world, "stat"))
    hertz = world.user_hz
    for cpu, ticks in world.source(MonotonicCounters).update(now).items():
        for mode, count in zip(_MODES, ticks, strict=False):
            yield SECONDS(count / hertz, cpu, mode)
        for mode, count in zip(_GUEST_MODES, ticks[len(_MODES) :], strict=False):
            yield GUEST(count / hertz, cpu, mode)


class MonotonicCounters(Source):
    """The highest ticks seen of each CPU.

    The kernel's own counters of idle and iowait step back a little now and then (Documentation/filesystems/proc.rst);
    Prometheus would take such a step for a reset and draw a spike.
    """

    def __init__(self, world: World) -> None:
        self._fall = _NEW_CPU_SECONDS * world.user_hz
        self._ticks: dict[str, tuple[int, ...]] = {}

    def update(self, now: Mapping[str, tuple[int, ...]]) -> Mapping[str, tuple[int, ...]]:
        """Return these counters, none lower than at the last call; a CPU that is off is forgotten."""
        self._ticks = {cpu: self._without_steps_back(self._ticks.get(cpu, ticks), ticks) for cpu, ticks in now.items()}
        return self._ticks

    def _without_steps_back(self, before: tuple[int, ...], now: tuple[int, ...]) -> tuple[int, ...]:
        if before[_IDLE] - now[_IDLE] >= self._fall:
            return now
        return tuple(map(max, before, now))
