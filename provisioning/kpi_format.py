"""Values of key figures as people read them: three significant digits and a unit, by Grafana's unit ids."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.provisioning.kpis import Reading

_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi")
_DECIMAL = ("", "k", "M", "G", "T", "P")
_SUFFIXES = {
    "bytes": "B",
    "binBps": "B/s",
    "bps": "b/s",
    "bits": "b",
    "reqps": "req/s",
    "ops": "op/s",
    "iops": "io/s",
    "pps": "p/s",
    "celsius": "°C",
    "volt": "V",
    "watt": "W",
    "amp": "A",
    "currencyEUR": "€",
    "currencyUSD": "$",
    "currencyGBP": "£",
    "currencyCHF": "CHF",
}
_SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIMES = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
SMALLEST = 1e-300  # of a difference by which can be divided without an overflow
_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "_.-=#"


def format_reading(reading: Reading) -> str:
    """Return the value of a reading; a text that the panel shows in its place comes first."""
    kpi = reading.kpi
    return kpi.find_text(reading.value) or format_value(reading.value, kpi.unit, kpi.decimals)


def format_value(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a value with its unit, such as 42.1 %, 1.5 GiB, 3 d 4 h.

    Percentages have so many decimals; with 0 decimals, other values below 1000 are whole numbers.
    """
    if unit in ("percentunit", "percent"):
        percent = 100 * value if unit == "percentunit" else value
        return f"{_round_text(percent) if decimals is None else format(percent, f'.{decimals}f')} %"
    if unit in _SECONDS:
        return _format_seconds(value * _SECONDS[unit])
    if unit.startswith(("dateTime", "time:")):
        return (
            datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M")
            if abs(value) < 4e12
            else _round_text(value)
        )
    suffix = unit.removeprefix("count:") if unit.startswith("count:") else _SUFFIXES.get(unit, "")
    base, names = (1024, _BINARY) if unit in ("bytes", "binBps") else (1000, _DECIMAL)
    size = min(int(math.log(abs(value), base)), len(names) - 1) if abs(value) >= base else 0
    if abs(float(_round_text(value / base**size))) >= base and size < len(names) - 1:  # 999.9 k is 1 M
        size += 1
    number = f"{value:.0f}" if decimals == 0 and not size else _round_text(value / base**size)
    return f"{number} {names[size]}{suffix}".rstrip()


def format_part(share: float, decimals: int = 0) -> str:
    """Return a share as a percentage that is 0 % or 100 % only if the share is 0 or 1: 0.004 is `less than 1 %`."""
    least = 10.0**-decimals
    percent = 100 * share
    if 0 < percent < least:
        return f"less than {least:.{decimals}f} %"
    if 100 - least < percent < 100:
        return f"more than {100 - least:.{decimals}f} %"
    return f"{percent:.{decimals}f} %"


def draw_sparkline(values: Sequence[float | None], *, plain: bool = False) -> str:
    """Return a character for each value, from the lowest to the highest; a space for a gap. `plain` is ASCII."""
    bars = _PLAIN_BARS if plain else _BARS
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    scale = (len(bars) - 1) / (high - low) if high - low > SMALLEST else 0.0
    return "".join(" " if value is None else bars[round((value - low) * scale)] for value in values)


def _format_seconds(value: float) -> str:
    rounded = abs(_round_significant(value))
    if rounded < 1:
        return f"{_round_text(1000 * value)} ms" if rounded >= 1e-3 or not value else f"{_round_text(1e6 * value)} µs"
    if rounded < 60:
        return f"{_round_text(value)} s"
    rest = round(abs(value))
    parts: list[str] = []
    for name, size in _TIMES:
        count, rest = divmod(rest, size)
        parts += [f"{count} {name}"] if count or parts else []
    first, *others = parts[:2]
    return ("-" if value < 0 else "") + " ".join([first, *(part for part in others if not part.startswith("0 "))])


def _round_text(value: float) -> str:
    """Return three significant digits, and all digits before the point."""
    return f"{value:.0f}" if abs(_round_significant(value)) >= 1000 else f"{value:.3g}"


def _round_significant(value: float) -> float:
    return float(f"{value:.3g}")
