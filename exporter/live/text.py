"""Values as people read them, with units; MEASURING where a rate has no second reading yet, UNKNOWN for other gaps."""

from __future__ import annotations

from deckwatch.exporter.durations import format_age, format_duration

MEASURING = "measuring"
UNKNOWN = "\N{EN DASH}"

_SIZES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def format_share(value: float | None, missing: str = UNKNOWN) -> str:
    """Return a share of 1 as percent, with one decimal below 10 %."""
    if value is None:
        return missing
    percent = value * 100
    return f"{percent:.1f} %" if 0 < percent < 9.95 else f"{percent:.0f} %"


def format_bytes(value: float | None, missing: str = UNKNOWN) -> str:
    """Return a size in binary units, with three significant digits."""
    if value is None:
        return missing
    for size, unit in _SIZES:
        if abs(value) >= 0.9995 * size:
            number = value / size
            digits = 0 if number >= 99.5 else 1
            return f"{number:.{digits}f} {unit}"
    return f"{value:.0f} B"


def format_traffic(value: float | None, missing: str = MEASURING) -> str:
    """Return bytes per second."""
    return missing if value is None else f"{format_bytes(value)}/s"


def format_number(value: float | None, missing: str = UNKNOWN) -> str:
    """Return a number with up to two decimals."""
    if value is None:
        return missing
    return f"{value:.0f}" if value == int(value) or value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def format_seconds(value: float | None, missing: str = UNKNOWN) -> str:
    """Return a duration: fractions of a second exactly, longer ones in whole units."""
    if value is None:
        return missing
    return format_duration(max(value, 0.0)) if value < 10 else format_age(value)


def format_value(value: float, unit: str) -> str:
    """Return a value in one of the units of signals."""
    match unit:
        case "ratio":
            return format_share(value)
        case "bytes":
            return format_bytes(value)
        case "bytes/s":
            return format_traffic(value)
        case "seconds":
            return format_seconds(value)
        case _:
            return format_number(value)


def format_compared(value: float, limit: float, unit: str) -> tuple[str, str]:
    """Return a value and its limit; a share has one more decimal where both would read the same (90.2 %, not 90 %)."""
    shown, shown_limit = format_value(value, unit), format_value(limit, unit)
    if unit == "ratio" and shown == shown_limit and value != limit:
        shown = f"{value * 100:.1f} %"
    return shown, shown_limit
