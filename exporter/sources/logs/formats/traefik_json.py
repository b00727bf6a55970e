"""Traefik: its access log in JSON."""

from __future__ import annotations

from typing import Any

from deckwatch.exporter.sources.logs.format import Row, json_format


def _read_record(record: Any) -> Row | None:
    if "DownstreamStatus" not in record:
        return None
    path = record["RequestPath"].partition("?")[0]
    return (
        *(record["RequestMethod"], path, record["RequestProtocol"], str(record["DownstreamStatus"])),
        *(record.get("DownstreamContentSize"), record.get("RequestContentSize"), record.get("Duration")),
    )


FORMAT = json_format(("method", "path", "protocol", "status", "size", "request_size", "nanoseconds"), _read_record)
