"""How well the clock is kept, from adjtimex(2)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_gauge(name: str, about: str) -> Metric:
    return Metric(f"node_timex_{name}", "gauge", about)


def _declare_counter(name: str, about: str) -> Metric:
    return Metric(f"node_timex_{name}_total", "counter", about)


SYNC = _declare_gauge("sync_status", "1 if the clock is kept in step with a better one, else 0.")
STATUS = _declare_gauge("status", "Status bits (STA_* in linux/timex.h).")
OFFSET = _declare_gauge("offset_seconds", "How far the clock is from the better one.")
MAXERROR = _declare_gauge("maxerror_seconds", "Most by which the clock may be wrong.")
ESTIMATED = _declare_gauge("estimated_error_seconds", "By how much the clock is probably wrong.")
FREQUENCY = _declare_gauge(
    "frequency_adjustment_ratio", "How fast the clock is made to run; 1 is as its hardware does."
)
CONSTANT = _declare_gauge("loop_time_constant", "Time constant of the loop that keeps the clock.")
TICK = _declare_gauge("tick_seconds", "Time between two ticks of the clock.")
TAI = _declare_gauge("tai_offset_seconds", "How far International Atomic Time is ahead.")
PPS_FREQUENCY = _declare_gauge("pps_frequency_hertz", "Frequency of the pulse that comes every second.")
PPS_JITTER = _declare_gauge("pps_jitter_seconds", "Jitter of the pulse.")
PPS_SHIFT = _declare_gauge("pps_shift_seconds", "Length of the intervals by which the pulse is measured.")
PPS_STABILITY = _declare_gauge("pps_stability_hertz", "Stability of the pulse: an average of its changes.")
PPS_JITTERS = _declare_counter("pps_jitter", "Pulses with too much jitter.")
PPS_CALIBRATIONS = _declare_counter("pps_calibration", "Intervals by which the pulse was measured.")
PPS_ERRORS = _declare_counter("pps_error", "Intervals that gave no good measure.")
PPS_WANDERS = _declare_counter("pps_stability_exceeded", "Pulses with too great a change.")

_ERROR_STATE = 5  # TIME_ERROR: not in step
_NANOSECONDS = 0x2000  # STA_NANO
_SCALED_PPM = 1_000_000 * 65_536  # parts in a million, with 16 bits behind the point


@collector(
    *(SYNC, STATUS, OFFSET, MAXERROR, ESTIMATED, FREQUENCY, CONSTANT, TICK, TAI),
    *(PPS_FREQUENCY, PPS_JITTER, PPS_SHIFT, PPS_STABILITY, PPS_JITTERS, PPS_CALIBRATIONS, PPS_ERRORS, PPS_WANDERS),
    peer="node:timex",
)
def collect(world: World) -> Iterator[Sample]:
    """How well the clock is kept in step with a better one."""
    try:
        clock = world.adjtimex()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):  # older container engines forbid the call
            raise NoData("adjtimex is not allowed here") from None
        raise
    unit = 1e9 if clock.status & _NANOSECONDS else 1e6
    yield SYNC(int(clock.state != _ERROR_STATE))
    yield STATUS(clock.status)
    yield OFFSET(clock.offset / unit)
    yield MAXERROR(clock.maxerror / 1e6)
    yield ESTIMATED(clock.esterror / 1e6)
    yield FREQUENCY(1 + clock.freq / _SCALED_PPM)
    yield CONSTANT(clock.constant)
    yield TICK(clock.tick / 1e6)
    yield TAI(clock.tai)
    yield PPS_FREQUENCY(clock.ppsfreq / _SCALED_PPM)
    yield PPS_JITTER(clock.jitter / unit)
    yield PPS_SHIFT(clock.shift)
    yield PPS_STABILITY(clock.stabil / _SCALED_PPM)
    yield PPS_JITTERS(clock.jitcnt)
    yield PPS_CALIBRATIONS(clock.calcnt)
    yield PPS_ERRORS(clock.errcnt)
    yield PPS_WANDERS(clock.stbcnt)
