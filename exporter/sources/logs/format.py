"""What a format of a log is: how lines become rows, for access logs and for the logs of applications."""

from __future__ import annotations

import contextlib
import functools
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter.sources.logs.requests import FIELDS

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Sequence

MAX_PATTERN_LINE = 16_384  # bytes; the time of a regular expression can grow with the square of a line's length

Row = tuple[Any, ...]


class Parsed(NamedTuple):
    """The rows of some lines, and the lines that have another form."""

    rows: Sequence[Row]
    unmatched: Sequence[bytes] = ()


@dataclass(frozen=True)
class AccessFormat:
    """The format of an access log: `parse` returns rows of these fields (see requests.FIELDS)."""

    fields: tuple[str, ...]
    parse: Callable[[bytes], Parsed]


@dataclass(frozen=True)
class MessageFormat:
    """The format of an application's log: `parse` returns the Messages of some lines."""

    parse: Callable[[bytes], Iterable[Message]]
    has_queries: bool = False  # whether it has slow queries of databases


class Message(NamedTuple):
    """One line of an application's log.

    `level` is empty for a line that continues the message before it, and None for one that has no known form. `type` is
    the class of an exception that the line names. `database` and `seconds` are those of a slow query.
    """

    line: bytes
    level: str | None
    type: str = ""
    database: str = ""
    seconds: float | None = None


Format = AccessFormat | MessageFormat


def regex_format(pattern: re.Pattern[bytes], rare: re.Pattern[bytes] | None = None) -> AccessFormat:
    """Return the format of lines that match a pattern with named groups; the pattern ends with the newline.

    The pattern is applied to many lines at once, so it must not match across lines. `rare` is for the lines that do not
    match it, such as a request that is none.
    """
    fields = _group_fields(pattern)
    rare_fields = _group_fields(rare) if rare else ()

    def parse(text: bytes) -> Parsed:
        rows = pattern.findall(text)
        if len(rows) == text.count(b"\n"):
            return Parsed(rows)
        unmatched = []
        for line in pattern.sub(b"", text).split(b"\n"):
            if rare and (match := rare.fullmatch(line)):
                values = _split_request(dict(zip(rare_fields, match.groups(b""), strict=True)))
                rows.append(tuple(values.get(field, b"") for field in fields))
            elif line:
                unmatched.append(line)
        return Parsed(rows, unmatched)

    return AccessFormat(fields, parse)


def _split_request(values: dict[str, bytes]) -> dict[str, bytes]:
    """Return the values with the parts of the request line added, whatever form it has."""
    target, _, protocol = values["request"].rpartition(b" ")
    if not protocol.startswith(b"HTTP/"):
        target, protocol = values["request"], b""
    method, _, path = target.partition(b" ")
    answer = protocol + b'" ' + values["status"]
    return {**values, "target": target, "method": method, "path": path, "protocol": protocol, "answer": answer}


def line_format(pattern: re.Pattern[bytes]) -> AccessFormat:
    """Return the format of lines that match a user's pattern, each line on its own."""
    fields = tuple(field for field in _group_fields(pattern) if field in FIELDS)
    indices = [pattern.groupindex[field] for field in fields]

    def parse(text: bytes) -> Parsed:
        rows, unmatched = [], []
        for line in text.split(b"\n"):
            match = pattern.match(line) if len(line) <= MAX_PATTERN_LINE else None
            if match:
                rows.append(tuple(match[index] or b"" for index in indices))
            elif line:
                unmatched.append(line)
        return Parsed(rows, unmatched)

    return AccessFormat(fields, parse)


@functools.cache
def json_parser() -> Callable[[bytes], Any]:
    """Return a function that parses JSON; orjson's takes half the time, where it is installed."""
    for name in ("orjson", "json"):
        with contextlib.suppress(ImportError):
            parse: Callable[[bytes], Any] = importlib.import_module(name).loads
            return parse
    raise AssertionError("Python has a JSON module")


def json_format(fields: tuple[str, ...], read_record: Callable[[Any], Row | None]) -> AccessFormat:
    """Return the format of lines that are JSON objects; `read_record` returns None for one that is no request."""

    def parse(text: bytes) -> Parsed:
        rows, unmatched, parse_json = [], [], json_parser()
        for line in text.split(b"\n"):
            if not line:
                continue
            try:
                row = read_record(parse_json(line))
                if row is not None:
                    hash(row)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                unmatched.append(line)
                continue
            if row is not None:
                rows.append(row)
        return Parsed(rows, unmatched)

    return AccessFormat(fields, parse)


def _group_fields(pattern: re.Pattern[bytes]) -> tuple[str, ...]:
    return tuple(sorted(pattern.groupindex, key=lambda name: pattern.groupindex[name]))
