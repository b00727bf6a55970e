"""nginx: a log_format in JSON (escape=json) whose keys are called like the variables, or as usual for them."""

from __future__ import annotations

from typing import Any

from deckwatch.exporter.sources.logs.format import Row, json_format

_KEYS = (
    ("request_method", "method", "verb", "http_method"),
    ("uri", "request_uri", "path", "url"),
    ("server_protocol", "protocol", "http_version"),
    ("status", "response_status", "code", "response"),
    ("body_bytes_sent", "bytes_sent", "bytes", "size"),
    ("request_length", "request_size"),
    ("request_time", "duration", "response_time"),
)


def _read_record(record: Any) -> Row | None:
    method, path, protocol, status, *others = (
        next((record[key] for key in keys if key in record), None) for keys in _KEYS
    )
    if method is None and isinstance(record.get("request"), str):
        method, _, rest = record["request"].partition(" ")
        path, _, protocol = rest.rpartition(" ")
    if status is None or path is None:
        raise ValueError("neither status nor path")
    return method, str(path).partition("?")[0], protocol, str(status), *others


FORMAT = json_format(("method", "path", "protocol", "status", "size", "request_size", "seconds"), _read_record)
