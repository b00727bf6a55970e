"""The newest errors in a log: requests that failed on the server's side, and messages of a serious level."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.logs import positions
from deckwatch.exporter.sources.logs.format import AccessFormat
from deckwatch.exporter.sources.logs.lines import PlainLines
from deckwatch.exporter.sources.logs.messages import SERIOUS
from deckwatch.exporter.sources.logs.requests import find_status
from deckwatch.exporter.sources.logs.service import describe_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.logs.files import LogFile
    from deckwatch.exporter.sources.logs.format import Format
from deckwatch.exporter.sources.logs.service import LogSettings

_TAIL_BYTES = 4 << 20  # of each file
_MAX_LENGTH = 500
_MAX_LINES = 30  # of one error, with its traceback


class FoundError(NamedTuple):
    """An error: the file's path, and its lines, masked and shortened."""

    path: str
    lines: list[str]


def find_errors(log: LogSettings, last: int) -> list[FoundError]:
    """Return the last errors of a log, the newest last. Raises OSError."""
    errors: list[FoundError] = []
    files = [file for file in log.list_files().files if not file.is_compressed]
    for file in sorted(files, key=lambda each: each.changed, reverse=True):
        found = [FoundError(file.path, lines) for lines in _list_errors(log.format, _read_tail(log, file))]
        errors = found[-(last - len(errors)) :] + errors
        if len(errors) >= last:
            break
    return errors


def _read_tail(log: LogSettings, file: LogFile) -> bytes:
    descriptor = positions.open_log(file)
    try:
        start = max(0, os.fstat(descriptor).st_size - _TAIL_BYTES)
        data = b""
        while len(data) < _TAIL_BYTES and (chunk := os.pread(descriptor, _TAIL_BYTES - len(data), start + len(data))):
            data += chunk
    finally:
        os.close(descriptor)
    data = data[data.find(b"\n") + 1 :] if start else data
    return (log.envelope or PlainLines()).unwrap(data)


def _list_errors(found: Format, text: bytes) -> Iterator[list[str]]:
    if isinstance(found, AccessFormat):
        for line in text.split(b"\n"):
            rows = found.parse(line + b"\n").rows if line else ()
            if rows and find_status(found.fields, rows[0]).startswith("5"):
                yield [_show_line(line)]
        return
    lines: list[str] = []
    for message in found.parse(text):
        if message.level:
            if lines:
                yield lines
            lines = [_show_line(message.line)] if message.level in SERIOUS else []
        elif lines and len(lines) < _MAX_LINES:
            lines.append(_show_line(message.line))
    if lines:
        yield lines


def _show_line(line: bytes) -> str:
    return describe_line(line, _MAX_LENGTH)
