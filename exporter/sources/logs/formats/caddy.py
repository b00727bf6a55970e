"""Caddy: its access log in JSON."""

from __future__ import annotations

from typing import Any

from deckwatch.exporter.sources.logs.format import Row, json_format

_UNITS = (("ns", 1e-9), ("µs", 1e-6), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0))


def _read_record(record: Any) -> Row | None:
    if "request" not in record or "status" not in record:  # Caddy's own messages, where both go to one file
        return None
    request = record["request"]
    path = request["uri"].partition("?")[0]
    size, read, seconds = record.get("size"), record.get("bytes_read"), read_duration(record.get("duration"))
    return request["method"], path, request["proto"], str(record["status"]), size, read, seconds


def read_duration(value: Any) -> float | None:
    """Return seconds: Caddy writes them as a number, or as a text such as `1.5ms` (duration_format string)."""
    if not isinstance(value, str):
        return value if isinstance(value, (int, float)) else None
    for suffix, unit in _UNITS:
        if value.endswith(suffix):
            try:
                return float(value.removesuffix(suffix)) * unit
            except ValueError:
                return None  # a longer one, such as 1m2.5s
    return None


FORMAT = json_format(("method", "path", "protocol", "status", "size", "request_size", "seconds"), _read_record)
