"""PostgreSQL: its log in CSV (log_destination = csvlog), with slow queries and errors by SQLSTATE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.logs.format import Message, MessageFormat
from deckwatch.exporter.sources.logs.formats.postgresql import read_duration
from deckwatch.exporter.sources.logs.messages import SERIOUS, normalize_level

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT = rb'(?:"(?:[^"]|"")*")?'
# The columns up to the message, in the order of the documentation's section 20.8.4. A text may have several lines.
_RECORD = re.compile(
    rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [^,\"]{1,40},"  # log_time
    + _TEXT  # user_name
    + rb',(?:"(?P<database>(?:[^"]|"")*)")?,\d*,'  # database_name, process_id
    + _TEXT  # connection_from
    + rb",[0-9a-f.]*,\d*,"  # session_id, session_line_num
    + _TEXT  # command_tag
    + rb",[^,\"]*,[^,\"]*,\d*,(?P<level>[A-Z]+)\d?,(?P<state>[0-9A-Z]{5})?,"  # until error_severity and sql_state_code
    + rb'"?(?P<text>[^\n]*)'
)
_NO_ERROR = b"00000"


# What a text rarely has at the beginning of a line, and other logs usually do: a date, an address, a bracket.
_OTHER_LOG = re.compile(rb"\d{4}-\d\d-\d\d|\d+\.\d+\.\d+\.\d+ |\{|\[")


def _parse_lines(text: bytes) -> Iterator[Message]:
    for line in text.split(b"\n"):
        if not line:
            continue
        match = _RECORD.match(line)
        if match is None:  # a text that began in a line before, in all likelihood; it may have been read earlier
            yield Message(line, None if _OTHER_LOG.match(line) else "")
            continue
        level = normalize_level(match["level"].decode())
        state = match["state"] or _NO_ERROR
        kind = state.decode() if level in SERIOUS and state != _NO_ERROR else ""
        seconds = read_duration(match["text"].rstrip(b"\r"))
        database = (match["database"] or b"").replace(b'""', b'"').decode("utf-8", "replace")[:63]
        yield Message(line, level, kind, database if seconds is not None else "", seconds)


FORMAT = MessageFormat(_parse_lines, has_queries=True)
