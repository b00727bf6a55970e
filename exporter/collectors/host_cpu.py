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

SECONDS = Metric("node_cpu_seconds_total", "counter", "Time the CPU spent in each mode.", ("cpu", "mode"))
GUEST = Metric(
    "node_cpu_guest_seconds_total",
    "counter",
    "Time the CPU spent running guests, by mode; included in user and nice of node_cpu_seconds_total.",
    ("cpu", "mode"),
)

_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_GUEST_MODES = ("user", "nice")
_IDLE = _MODES.index("idle")
_NEW_CPU_SECONDS = (
    3  # idle time that decreases by more belongs to a CPU that was taken offline and restarted its counters
)


@collector(SECONDS, GUEST, peer="node:cpu", needs="proc/stat")
def collect(world: World) -> Iterator[Sample]:
    """Seconds each CPU spent in user, system, idle and the other modes."""
    ticks_now = procfs.parse_cpus(procfs.read_proc(world, "stat"))
    hertz = world.user_hz
    for cpu, ticks in world.source(MonotonicCounters).update(ticks_now).items():
        for mode, count in zip(_MODES, ticks, strict=False):
            yield SECONDS(count / hertz, cpu, mode)
        for mode, count in zip(_GUEST_MODES, ticks[len(_MODES) :], strict=False):
            yield GUEST(count / hertz, cpu, mode)


class MonotonicCounters(Source):
    """The highest ticks seen of each CPU.

    The kernel's counters of idle and iowait occasionally decrease a little (Documentation/filesystems/proc.rst);
    Prometheus would treat that as a counter reset and show a spike.
    """

    def __init__(self, world: World) -> None:
        self._fall = _NEW_CPU_SECONDS * world.user_hz
        self._ticks: dict[str, tuple[int, ...]] = {}

    def update(self, now: Mapping[str, tuple[int, ...]]) -> Mapping[str, tuple[int, ...]]:
        """Return these counters, none lower than at the last call; offline CPUs are dropped."""
        self._ticks = {cpu: self._without_steps_back(self._ticks.get(cpu, ticks), ticks) for cpu, ticks in now.items()}
        return self._ticks

    def _without_steps_back(self, before: tuple[int, ...], now: tuple[int, ...]) -> tuple[int, ...]:
        if before[_IDLE] - now[_IDLE] >= self._fall:
            return now
        return tuple(map(max, before, now))
