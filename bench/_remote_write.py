"""Backfill a day of history into Prometheus by remote write, derived from pages scraped now.

The protocol: https://prometheus.io/docs/specs/prw/remote_write_spec/. OpenMetrics backfill would need the same
samples as about twenty gigabytes of text; here series with equal values share the encoding of their samples.
"""

from __future__ import annotations

import math
import re
import struct
import urllib.request
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_TYPE = re.compile(r"# TYPE (\S+) (\w+)")
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
_DAY = 86_400
_SLICE = 1800  # seconds per pass; Prometheus rejects samples more than an hour older than the newest
_MAX_SERIES = 4000  # per request
_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


@dataclass(frozen=True)
class PastSeries:
    """One series: its labels in the protocol's encoding, whether it is a counter, and its current value."""

    labels: bytes
    is_counter: bool
    value: float


def parse_page(page: str, more: Mapping[str, str]) -> Iterator[PastSeries]:
    """Yield the series of a page in the text format, with additional labels."""
    kinds: dict[str, str] = {}
    for line in page.splitlines():
        if match := _TYPE.match(line):
            kinds[match[1]] = match[2]
        elif line and not line.startswith("#") and (match := _LINE.match(line)):
            name, value = match[1], float(match[3])
            labels = {key: _unescape(text) for key, text in _LABEL.findall(match[2] or "")} | {
                "__name__": name,
                **more,
            }
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            grows = kinds.get(name) == "counter" or kinds.get(family) in ("histogram", "summary")
            yield PastSeries(
                b"".join(_encode_field(1, _encode_label(*label)) for label in sorted(labels.items())),
                grows,
                _round_value(value),
            )


def write_past(url: str, series: Iterable[PastSeries], end: int, seconds: int, step: int) -> int:
    """Write the series from `end - seconds` to `end`, every `step` seconds; return the number of samples."""
    series = list(series)
    count = 0
    for begin in range(end - seconds, end, _SLICE):
        times = tuple(range(begin, min(begin + _SLICE, end), step))
        for first in range(0, len(series), _MAX_SERIES):
            part = series[first : first + _MAX_SERIES]
            body = b"".join(
                _encode_field(1, item.labels + _sample_values(item.is_counter, item.value, times, end)) for item in part
            )
            request = urllib.request.Request(f"{url}/api/v1/write", _snappy_literal(body), _HEADERS)
            urllib.request.urlopen(request, timeout=300).close()
            count += len(part) * len(times)
        _sample_values.cache_clear()
    return count


@cache
def _sample_values(grows: bool, value: float, times: tuple[int, ...], end: int) -> bytes:
    return b"".join(
        _encode_field(
            2, b"\x09" + struct.pack("<d", _value_at(grows, value, at, end)) + b"\x10" + _encode_varint(at * 1000)
        )
        for at in times
    )


def _value_at(grows: bool, value: float, at: int, end: int) -> float:
    """Return the value at a time: a counter has grown by half in a day, a gauge varies, 0 and 1 stay constant."""
    if math.isnan(value) or math.isinf(value):
        return value
    if grows:
        # Never decreases: the sine changes by less than the growth per second.
        return value * (1 - 0.5 * (end - at + 5 * math.sin(at)) / _DAY)
    return value if value in (0, 1) or value > 1e9 else value * (0.9 + 0.1 * math.sin(at / 4000))


def _round_value(value: float) -> float:
    """Round to three digits, so that many series share a value; timestamps and ids stay exact."""
    return value if value > 1e9 or math.isnan(value) or math.isinf(value) else float(f"{value:.3g}")


def _unescape(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda match: _ESCAPED[match[0]], text)


def _encode_label(name: str, value: str) -> bytes:
    return _encode_field(1, name.encode()) + _encode_field(2, value.encode())


def _encode_field(number: int, data: bytes) -> bytes:
    """Encode a length-delimited field of protocol buffers."""
    return bytes((number << 3 | 2,)) + _encode_varint(len(data)) + data


def _encode_varint(value: int) -> bytes:
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def _snappy_literal(data: bytes) -> bytes:
    """Encode data as uncompressed snappy: its length and one literal."""
    return _encode_varint(len(data)) + bytes((63 << 2,)) + struct.pack("<I", len(data) - 1) + data
