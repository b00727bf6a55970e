"""PostgreSQL: its log on stderr, also from the logging collector, with slow queries (log_min_duration_statement)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.logs.format import Message, MessageFormat
from deckwatch.exporter.sources.logs.messages import normalize_level

if TYPE_CHECKING:
    from collections.abc import Iterator

# The severities of a line after log_line_prefix (documentation, table 19.2); those below continue a message.
_MESSAGE = re.compile(
    rb"^(?P<prefix>[^\n]*?)\b(?P<level>DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC): {1,2}(?P<text>.*)"
)
_CONTINUED = re.compile(rb"\s|[^\n]*?\b(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION): {1,2}")
_DURATION = re.compile(rb"duration: (?P<milliseconds>\d+(?:\.\d+)?) ms(?:  (?:statement|execute|parse|bind)|$)")
# The database in log_line_prefix: user@database (Debian's %q%u@%d), or db=database.
_DATABASE = re.compile(rb"(?:\b(?:db|database)=|[\w.-]+@)(?P<database>[\w.-]{1,63})")


def _parse_lines(text: bytes) -> Iterator[Message]:
    for line in text.split(b"\n"):
        if not line:
            continue
        match = _MESSAGE.match(line)
        if match is None:
            yield Message(line, "" if _CONTINUED.match(line) else None)
            continue
        level = normalize_level(re.sub(r"\d$", "", match["level"].decode()))
        found = _DATABASE.search(match["prefix"])
        database = found["database"].decode("utf-8", "replace") if found else ""
        seconds = read_duration(match["text"])
        yield Message(line, level, "", database if seconds is not None else "", seconds)


def read_duration(text: bytes) -> float | None:
    """Return the seconds that a query took, of the text of a message; None if it is about something else."""
    duration = _DURATION.match(text)
    return float(duration["milliseconds"]) / 1000 if duration else None


FORMAT = MessageFormat(_parse_lines, has_queries=True)
