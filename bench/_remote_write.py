"""Write a day of history into a Prometheus: current pages, extended into the past, by remote write.

Protocol: https://prometheus.io/docs/specs/prw/remote_write_spec/. Creating blocks from OpenMetrics would need about
twenty gigabytes of text; here series with the same value share the bytes of their samples.
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
_SLICE = 1800  # seconds per request: Prometheus rejects samples more than an hour older than the newest
_AT_ONCE = 4000  # series per request
_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


@dataclass(frozen=True)
class PastSeries:
    """A series: its encoded labels, whether it is a counter, and its current value."""

    labels: bytes
    is_counter: bool
    value: float


def parse_page(page: str, more: Mapping[str, str]) -> Iterator[PastSeries]:
    """Yield the series of a page in the text format, with additional labels."""
    kinds: dict[str, str] = {}
    for line in page.splitlines():
        if found := _TYPE.match(line):
            kinds[found[1]] = found[2]
        elif line and not line.startswith("#") and (found := _LINE.match(line)):
            name, value = found[1], float(found[3])
            labels = {key: _unescape(text) for key, text in _LABEL.findall(found[2] or "")} | {
                "__name__": name,
                **more,
            }
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            grows = kinds.get(name) == "counter" or kinds.get(family) in ("histogram", "summary")
            yield PastSeries(
                b"".join(_encode_field(1, _encode_label(*one)) for one in sorted(labels.items())),
                grows,
                _round_value(value),
            )


def write_past(url: str, series: Iterable[PastSeries], end: int, seconds: int, step: int) -> int:
    """Write these series from `end - seconds` to `end`; return the number of samples."""
    series = list(series)
    count = 0
    for begin in range(end - seconds, end, _SLICE):
        times = tuple(range(begin, min(begin + _SLICE, end), step))
        for first in range(0, len(series), _AT_ONCE):
            part = series[first : first + _AT_ONCE]
            body = b"".join(
                _encode_field(1, one.labels + _sample_values(one.is_counter, one.value, times, end)) for one in part
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
    """Return the value at a time: a counter grows from half of its value, a gauge varies, 0 and 1 are constant."""
    if math.isnan(value) or math.isinf(value):
        return value
    if grows:
        # It never decreases: the variation is smaller than the growth in a step.
        return value * (1 - 0.5 * (end - at + 5 * math.sin(at)) / _DAY)
    return value if value in (0, 1) or value > 1e9 else value * (0.9 + 0.1 * math.sin(at / 4000))


def _round_value(value: float) -> float:
    """Return a value rounded to three digits, so that many series share one; timestamps and ids are kept."""
    return value if value > 1e9 or math.isnan(value) or math.isinf(value) else float(f"{value:.3g}")


def _unescape(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda found: _ESCAPED[found[0]], text)


def _encode_label(name: str, value: str) -> bytes:
    return _encode_field(1, name.encode()) + _encode_field(2, value.encode())


def _encode_field(number: int, data: bytes) -> bytes:
    """Return a length-delimited field of protocol buffers."""
    return bytes((number << 3 | 2,)) + _encode_varint(len(data)) + data


def _encode_varint(value: int) -> bytes:
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def _snappy_literal(data: bytes) -> bytes:
    """Return data in the snappy format without compression: its length and one literal."""
    return _encode_varint(len(data)) + bytes((63 << 2,)) + struct.pack("<I", len(data) - 1) + data
