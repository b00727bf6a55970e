"""PostgreSQL 15 and later: its log in JSON (log_destination = jsonlog), with slow queries and errors by SQLSTATE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.sources.logs.format import Message, MessageFormat, json_parser
from deckwatch.exporter.sources.logs.formats.postgresql import read_duration
from deckwatch.exporter.sources.logs.messages import SERIOUS, normalize_level

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_ERROR = "00000"


def _parse_lines(text: bytes) -> Iterator[Message]:
    parse_json = json_parser()
    for line in text.split(b"\n"):
        if not line:
            continue
        try:
            record = parse_json(line)
            severity = record["error_severity"]  # see the documentation's section 20.8.5
        except (ValueError, KeyError, TypeError, RecursionError):
            yield Message(line, None)
            continue
        level = normalize_level(str(severity).rstrip("12345"))
        state = str(record.get("state_code") or _NO_ERROR)[:5]
        kind = state if level in SERIOUS and state != _NO_ERROR else ""
        seconds = read_duration(str(record.get("message") or "").encode("utf-8", "replace"))
        database = str(record.get("dbname") or "")[:63] if seconds is not None else ""
        yield Message(line, level, kind, database, seconds)


FORMAT = MessageFormat(_parse_lines, has_queries=True)
