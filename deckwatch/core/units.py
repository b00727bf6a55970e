"""Unit names, and parsing of quantities such as `80%`, `500ms` or `2GiB` in a given unit.

A metric's unit (`seconds`, `bytes`, `ratio` …) comes from the catalogue. `GRAFANA` maps unit names to Grafana's unit
ids (packages/grafana-data/src/valueFormats/categories.ts); panels accept such an id too. `count:/s` is a custom unit: a
number with K or Mil, followed by the text.
"""

from __future__ import annotations

import re

GRAFANA = {
    "none": "none",
    "count": "short",
    "ratio": "percentunit",
    "percent": "percent",
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "µs",
    "nanoseconds": "ns",
    "minutes": "m",
    "hours": "h",
    "days": "d",
    "timestamp": "dateTimeAsIso",
    "date": "time:YYYY-MM-DD",
    "ago": "dateTimeFromNow",
    "bytes": "bytes",
    "bits": "bits",
    "bytes/s": "binBps",
    "bits/s": "bps",
    "requests/s": "reqps",
    "operations/s": "ops",
    "io/s": "iops",
    "reads/s": "count:reads/s",
    "writes/s": "count:writes/s",
    "packets/s": "pps",
    "per second": "count:/s",
    "per minute": "count:/min",
    "celsius": "celsius",
    "hertz": "hertz",
    "volts": "volt",
    "amperes": "amp",
    "watts": "watt",
    "joules": "joule",
    "meters": "lengthm",
    "grams": "massg",
    "eur": "currencyEUR",
    "usd": "currencyUSD",
    "gbp": "currencyGBP",
    "chf": "currencyCHF",
}

# The rate of a counter of seconds is a share of time: of a CPU, a disk, a pool.
_RATES = {"": "per second", "none": "per second", "bytes": "bytes/s", "bits": "bits/s", "seconds": "ratio"}

_BASE = {unit: word for word, unit in GRAFANA.items()}
# Grafana's own units of these, which it writes as c/s, rd/s, wr/s and c/m.
_BASE |= {"cps": "per second", "rps": "reads/s", "wps": "writes/s", "cpm": "per minute"}
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SCALES = {"milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9, "minutes": 1 / 60, "hours": 1 / 3600}
_BYTES: dict[str, int] = {"B": 1} | {p + "B": 1000**i for i, p in enumerate("kMGTP", 1)}
_BYTES |= {p + "iB": 1024**i for i, p in enumerate("KMGTP", 1)}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w))+\Z")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kMGTP]?B|[KMGTP]iB)\Z")
_PERCENT = re.compile(r"(-?\d+(?:\.\d+)?) ?%\Z")


def rate_of(unit: str) -> str:
    """Return the unit of a counter's rate, given the unit it counts in."""
    word = _BASE.get(unit, unit)
    return _RATES.get(word, f"{word}/s" if f"{word}/s" in GRAFANA else "per second")


def parse_duration(text: str) -> float:
    """Return a duration such as `500ms`, `5m` or `1h30m` in seconds. Raises ValueError."""
    if not _DURATION.match(text):
        raise ValueError(f"{text!r} is not a duration such as 500ms, 5m or 1h30m")
    # Round once at the end, so that 500ms is 0.5 and 0.1 does not become 0.1000…01.
    return round(sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text)), 12)


def parse_quantity(value: object, unit: str) -> float:
    """Return a threshold in `unit`, given a number or a text such as `80%`, `500ms`, `2GiB`. Raises ValueError."""
    word = _BASE.get(unit, unit)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = str(value)
    if match := _PERCENT.match(text):
        number = float(match[1])
        if word == "percent":
            return number
        if word == "ratio":
            return round(number / 100, 12)
        raise ValueError(f"a percentage fits the units ratio and percent, not {_unit_name(unit)}")
    if _DURATION.match(text):
        if word != "seconds" and word not in _SCALES:
            raise ValueError(f"a duration fits the unit seconds, not {_unit_name(unit)}")
        return round(parse_duration(text) * _SCALES.get(word, 1), 12)
    if match := _SIZE.match(text):
        if word not in ("bytes", "bytes/s"):
            raise ValueError(f"a size fits the unit bytes, not {_unit_name(unit)}")
        return float(match[1]) * _BYTES[match[2]]
    raise ValueError(f"{text!r} is not a number, a percentage, a duration or a size")


def meant_percent(value: object, unit: str) -> str:
    """Return the percentage that a bare number such as 70 probably means in the unit ratio, else ''."""
    is_bare = isinstance(value, (int, float)) and not isinstance(value, bool) and 1.5 < value <= 100
    return f"{value:g}%" if is_bare and _BASE.get(unit, unit) == "ratio" else ""


def _unit_name(unit: str) -> str:
    return unit or "of a plain number"
