"""Formats that the project writes itself: a regular expression with named groups, or a log_format of nginx."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core.problems import did_you_mean
from deckwatch.exporter.sources.logs.format import MAX_PATTERN_LINE, Message, MessageFormat, line_format
from deckwatch.exporter.sources.logs.messages import SERIOUS, normalize_level
from deckwatch.exporter.sources.logs.requests import FIELDS
from deckwatch.exporter.sources.pattern_fault import find_pattern_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.logs.format import Format

_MESSAGE_GROUPS = ("level", "type", "message")
# The variables of nginx that have a meaning here (ngx_http_log_module, ngx_http_core_module).
_FIELD_BY_VARIABLE = {
    "request": "request",
    "request_method": "method",
    "uri": "path",
    "request_uri": "path",
    "server_protocol": "protocol",
    "status": "status",
    "body_bytes_sent": "size",
    "request_length": "request_size",
    "request_time": "seconds",
}
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def compile_pattern(text: str) -> Format:
    """Return the format of lines that a regular expression matches from their start.

    Groups make it the format of an access log (`status`, and `request` or `path`) or of an application's log (`level`,
    `type`). Raises ValueError if it is invalid, if the groups are neither, or if a line could be matched for years.
    """
    if fault := find_pattern_fault(text):
        raise ValueError(fault)
    pattern = re.compile(text.encode())
    names = set(pattern.groupindex)
    known = (*FIELDS, *_MESSAGE_GROUPS)
    for name in sorted(names - set(known)):
        if near := did_you_mean(name, known):
            raise ValueError(f"unknown group {name!r} ({near})")
    if "level" in names:
        return _message_format(pattern)
    if "status" in names and names & {"request", "path"}:
        return line_format(pattern)
    raise ValueError("expected the groups status and path (or request) for an access log, or level for other logs")


def compile_log_format(text: str) -> Format:
    """Return the format of lines that nginx writes with this log_format. Raises ValueError if fields are missing."""
    pieces, end, seen = [], 0, set()
    for match in _VARIABLE.finditer(text):
        pieces.append(re.escape(text[end : match.start()]))
        end = match.end()
        following = text[end : end + 1]
        value = f"[^{re.escape(following)}]*" if following and following != "$" else ".*?"
        if following == '"':
            value = r'(?:[^"\\]|\\.)*'
        field = _FIELD_BY_VARIABLE.get(match[1] or match[2])
        if field and field not in seen:
            seen.add(field)
            value = f"(?P<{field}>{value})"
        pieces.append(value)
    if "status" not in seen or not seen & {"request", "path"}:
        raise ValueError("expected $status, and $request, $uri or $request_uri")
    return line_format(re.compile(("".join([*pieces, re.escape(text[end:])]) + r"\s*$").encode()))


def _message_format(pattern: re.Pattern[bytes]) -> MessageFormat:
    has_type = "type" in pattern.groupindex

    def parse(text: bytes) -> Iterator[Message]:
        for line in text.split(b"\n"):
            if not line:
                continue
            match = pattern.match(line) if len(line) <= MAX_PATTERN_LINE else None
            if match is None:
                yield read_continuation(line) or Message(line, None)
                continue
            level = normalize_level((match["level"] or b"").decode("utf-8", "replace"))
            kind = short_type((match["type"] or b"").decode("utf-8", "replace")) if has_type else ""
            yield Message(line, level, kind or (find_type(line) if level in SERIOUS else ""))

    return MessageFormat(parse)


_CONTINUED = re.compile(
    rb"\s|Traceback \(|Caused by: |During handling of |The above exception |\.\.\. \d+ more|[})\]]|\tat |---"
)
_EXCEPTION_LINE = re.compile(
    rb"(?:Caused by: |Exception in thread \S+ )?((?:[A-Za-z_$][\w$]*(?:\.|::))*[A-Za-z_$][\w$]*)(?::|$)"
)
_EXCEPTION = re.compile(
    rb"\b((?:[A-Za-z_$][\w$]*(?:\.|::))*[A-Z][\w$]*(?:Error|Exception|Exit|Interrupt|Timeout|Fault))\b"
)
_SIMPLE_NAME = re.compile(r"[A-Za-z_$][\w$]{1,59}")
_BARE_NAMES = frozenset(("KeyboardInterrupt", "SystemExit", "StopIteration", "GeneratorExit"))


def read_continuation(line: bytes) -> Message | None:
    """Return the message for a line that continues the one before it, such as a traceback's; None for another."""
    if _CONTINUED.match(line):
        return Message(line, "")
    if match := _EXCEPTION_LINE.match(line):
        kind = short_type(match[1].decode("ascii", "replace"))
        if kind.endswith(("Error", "Exception")) or kind in _BARE_NAMES or (b"." in match[1] and kind[:1].isupper()):
            return Message(line, "", kind)
    return None


def find_type(line: bytes) -> str:
    """Return the class of the exception that a line names; empty if it names none."""
    match = _EXCEPTION.search(line[:2_000])
    return short_type(match[1].decode("ascii", "replace")) if match else ""


def short_type(name: str) -> str:
    """Return the name of a class without its package; empty for other text, which must not become a label."""
    last = re.split(r"[.:/\\]", name.strip())[-1]
    return last if _SIMPLE_NAME.fullmatch(last) else ""
