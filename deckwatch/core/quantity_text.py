"""Write quantities as people do: 80%, 1h30m, 2GiB."""

from __future__ import annotations

from deckwatch.core import units

_PIECES = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_SIZES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def format_duration(seconds: float) -> str:
    """Return a duration as Prometheus reads it, such as 1h30m; whole seconds."""
    rest = round(seconds)
    text = ""
    for unit, size in _PIECES:
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def format_number(value: float) -> str:
    """Return a number as PromQL reads it, without binary rounding noise."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else format(value, ".12g")


def format_quantity(value: float, unit: str) -> str:
    """Return a value of a unit as people write it: 80%, 1h30m, 2GiB."""
    if unit == "ratio":
        return format_number(value * 100) + "%"
    if unit == "percent":
        return format_number(value) + "%"
    if unit == "seconds":
        return format_duration(value) if value >= 1 and value == int(value) else _format_small_seconds(value)
    if unit in ("bytes", "bytes/s"):
        return _format_size(value) + unit.removeprefix("bytes")
    rate = {"per second": " a second", "per minute": " a minute"}.get(unit, f" {unit}" if unit in units.GRAFANA else "")
    return format_number(value) + (rate if unit not in ("none", "count") else "")


def _format_small_seconds(value: float) -> str:
    return f"{format_number(value * 1000)}ms" if 0 < abs(value) < 1 else f"{format_number(value)}s"


def _format_size(value: float) -> str:
    for unit, size in _SIZES:
        if abs(value) >= size:
            return format(value / size, ".4g") + unit
    return format_number(value) + "B"
