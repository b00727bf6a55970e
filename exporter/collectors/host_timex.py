"""How well the clock is kept, from adjtimex(2)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _gauge(name: str, about: str) -> Metric:
    return Metric(f"node_timex_{name}", "gauge", about)


def _counter(name: str, about: str) -> Metric:
    return Metric(f"node_timex_{name}_total", "counter", about)


SYNC = _gauge("sync_status", "1 if the clock is kept in step with a better one, else 0.")
STATUS = _gauge("status", "Status bits (STA_* in linux/timex.h).")
OFFSET = _gauge("offset_seconds", "How far the clock is from the better one.")
MAXERROR = _gauge("maxerror_seconds", "Most by which the clock may be wrong.")
ESTIMATED = _gauge("estimated_error_seconds", "By how much the clock is probably wrong.")
FREQUENCY = _gauge("frequency_adjustment_ratio", "How fast the clock is made to run; 1 is as its hardware does.")
CONSTANT = _gauge("loop_time_constant", "Time constant of the loop that keeps the clock.")
TICK = _gauge("tick_seconds", "Time between two ticks of the clock.")
TAI = _gauge("tai_offset_seconds", "How far International Atomic Time is ahead.")
PPS_FREQUENCY = _gauge("pps_frequency_hertz", "Frequency of the pulse that comes every second.")
PPS_JITTER = _gauge("pps_jitter_seconds", "Jitter of the pulse.")
PPS_SHIFT = _gauge("pps_shift_seconds", "Length of the intervals by which the pulse is measured.")
PPS_STABILITY = _gauge("pps_stability_hertz", "Stability of the pulse: an average of its changes.")
PPS_JITTERS = _counter("pps_jitter", "Pulses with too much jitter.")
PPS_CALIBRATIONS = _counter("pps_calibration", "Intervals by which the pulse was measured.")
PPS_ERRORS = _counter("pps_error", "Intervals that gave no good measure.")
PPS_WANDERS = _counter("pps_stability_exceeded", "Pulses with too great a change.")

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
        told = world.adjtimex()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):  # older container engines forbid the call
            raise NoData("adjtimex is not allowed here") from None
        raise
    unit = 1e9 if told.status & _NANOSECONDS else 1e6
    yield SYNC(int(told.state != _ERROR_STATE))
    yield STATUS(told.status)
    yield OFFSET(told.offset / unit)
    yield MAXERROR(told.maxerror / 1e6)
    yield ESTIMATED(told.esterror / 1e6)
    yield FREQUENCY(1 + told.freq / _SCALED_PPM)
    yield CONSTANT(told.constant)
    yield TICK(told.tick / 1e6)
    yield TAI(told.tai)
    yield PPS_FREQUENCY(told.ppsfreq / _SCALED_PPM)
    yield PPS_JITTER(told.jitter / unit)
    yield PPS_SHIFT(told.shift)
    yield PPS_STABILITY(told.stabil / _SCALED_PPM)
    yield PPS_JITTERS(told.jitcnt)
    yield PPS_CALIBRATIONS(told.calcnt)
    yield PPS_ERRORS(told.errcnt)
    yield PPS_WANDERS(told.stbcnt)
