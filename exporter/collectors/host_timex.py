"""Clock synchronisation, from adjtimex(2)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_gauge(name: str, help_text: str) -> Metric:
    return Metric(f"node_timex_{name}", "gauge", help_text)


def _declare_counter(name: str, help_text: str) -> Metric:
    return Metric(f"node_timex_{name}_total", "counter", help_text)


SYNC = _declare_gauge("sync_status", "1 if the clock is synchronised, else 0.")
STATUS = _declare_gauge("status", "Clock status bits (STA_* in linux/timex.h).")
OFFSET = _declare_gauge("offset_seconds", "Offset between the clock and its reference.")
MAXERROR = _declare_gauge("maxerror_seconds", "Maximum error of the clock.")
ESTIMATED = _declare_gauge("estimated_error_seconds", "Estimated error of the clock.")
FREQUENCY = _declare_gauge("frequency_adjustment_ratio", "Frequency adjustment of the clock; 1 means none.")
CONSTANT = _declare_gauge("loop_time_constant", "Time constant of the phase-locked loop.")
TICK = _declare_gauge("tick_seconds", "Time between clock ticks.")
TAI = _declare_gauge("tai_offset_seconds", "Offset of International Atomic Time (TAI) from UTC.")
PPS_FREQUENCY = _declare_gauge("pps_frequency_hertz", "Frequency of the pulse per second (PPS).")
PPS_JITTER = _declare_gauge("pps_jitter_seconds", "Jitter of the pulse per second.")
PPS_SHIFT = _declare_gauge("pps_shift_seconds", "Length of the calibration interval of the pulse per second.")
PPS_STABILITY = _declare_gauge(
    "pps_stability_hertz", "Stability of the pulse per second: average of its frequency changes."
)
PPS_JITTERS = _declare_counter("pps_jitter", "Pulses per second beyond the jitter limit.")
PPS_CALIBRATIONS = _declare_counter("pps_calibration", "Calibration intervals of the pulse per second.")
PPS_ERRORS = _declare_counter("pps_error", "Calibration errors of the pulse per second.")
PPS_WANDERS = _declare_counter("pps_stability_exceeded", "Pulses per second beyond the stability limit.")

_ERROR_STATE = 5  # TIME_ERROR: not synchronised
_NANOSECONDS = 0x2000  # STA_NANO
_SCALED_PPM = 1_000_000 * 65_536  # parts per million, with 16 fractional bits


@collector(
    *(SYNC, STATUS, OFFSET, MAXERROR, ESTIMATED, FREQUENCY, CONSTANT, TICK, TAI),
    *(PPS_FREQUENCY, PPS_JITTER, PPS_SHIFT, PPS_STABILITY, PPS_JITTERS, PPS_CALIBRATIONS, PPS_ERRORS, PPS_WANDERS),
    peer="node:timex",
    needs="",
)
def collect(world: World) -> Iterator[Sample]:
    """Whether the clock is synchronised, its offset, errors and adjustment."""
    try:
        clock = world.adjtimex()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):  # older container engines forbid the call
            raise NoData("adjtimex(2) is not permitted") from None
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
