"""Explain YAML syntax errors at the position and in the words that help the user.

A parser reports an unclosed bracket where it misses the closing one, often at the end of the file; the user needs the
position of the opening one. Nesting so deep that it crashes libyaml's composer or exceeds Python's recursion limit is
reported before parsing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from deckwatch.core.problems import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 5_000_000  # ten times the largest known dashboard, as JSON
MAX_LEVELS = 100
# https://yaml.org/spec/1.2.2/#51-character-set
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Line breaks in YAML 1.1, which the parser counts, but not in 1.2: line numbers would differ from the editor.
_BREAK = re.compile("[\r\x85\u2028\u2029]")
_BRACKET = re.compile(r"[\[{\]}]")
_DEEPLY_INDENTED = re.compile(rf"^[ -]{{{MAX_LEVELS},}}\S", re.MULTILINE)
_COMMENT = re.compile(r"\S\s+#\S")  # after a value, and without a space after #
_INDENTED_KEY = re.compile(r"(\s+)[\w. -]+:(\s|$)")
_QUOTES = "quote text that contains # or :"


def find_unreadable(text: str, file: str) -> Problem | None:
    """Return the problem of a text the parser cannot handle: an invalid character, or too many levels."""
    if match := _UNPRINTABLE.search(text):
        message = f"YAML does not allow the character U+{ord(match.group()):04X}"
        return Problem(_offset_place(text, match.start(), file), message, check="yaml")
    if match := _BREAK.search(text):
        message = f"the character U+{ord(match.group()):04X} is a line break for some programs and not for others"
        return Problem(_offset_place(text, match.start(), file), message, "remove it", check="yaml")
    if _may_nest_deeply(text):
        levels = 0
        for event in _parse_events(text):
            levels += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if levels > MAX_LEVELS:
                return Problem(
                    _mark_place(event.start_mark, file), f"more than {MAX_LEVELS} levels of nesting", check="yaml"
                )
    return None


def syntax_problem(error: Exception, text: str, file: str, loader: Any) -> Problem:
    """Return the problem for a syntax error of the parser."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(Place(file), f"not YAML: {error}", check="yaml")
    place = _mark_place(error.problem_mark or error.context_mark, file)
    return Problem(*_locate_error(error, text, place, loader), check="yaml")


def encoding_problem(data: bytes, error: UnicodeDecodeError, file: str) -> Problem:
    """Return the problem of a file that is not UTF-8."""
    hint = "save the file as UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem(Place(file, 1, 1), "cannot be read: it is UTF-16", hint, check="yaml")
    before = data[: error.start].decode()
    place = _offset_place(before, len(before), file)
    return Problem(place, f"cannot be read: the byte 0x{data[error.start]:02X} is not UTF-8", hint, check="yaml")


def _locate_error(error: yaml.MarkedYAMLError, text: str, place: Place, loader: Any) -> tuple[Place, str, str]:
    """Return the position, message and hint for an error."""
    message = f"{error.context or ''} {error.problem or ''}".strip() or "not YAML"
    line = _line_text(text, place.line)
    if line[place.column - 1 : place.column] == "\t":
        return place, "tab character: YAML is indented with spaces", ""
    context = error.context_mark
    if "quoted scalar" in message and "end of stream" in message and context is not None:
        opened = _mark_place(context, place.file)
        return (
            opened,
            f"the string that starts with {_line_text(text, opened.line)[opened.column - 1]} is not closed",
            "",
        )
    if template := _unquoted_template(text, place):
        return template, "a string that starts with {{ must be quoted", 'as in "{{instance}}"'
    opened = _mark_place(_innermost_bracket(text, loader), place.file)
    if 0 < opened.line < place.line:
        bracket = _line_text(text, opened.line)[opened.column - 1]
        swallowed = any(_COMMENT.search(_line_text(text, n)) for n in range(opened.line, place.line))
        return opened, f"{bracket} is not closed", _QUOTES if swallowed else f"line {place.line} does not continue it"
    if message.startswith("mapping values") and (key := _INDENTED_KEY.match(line)) and key.end() >= place.column:
        inner = Place(place.file, place.line, key.end(1) + 1)
        return (
            inner,
            "this key is indented further than the line above allows",
            "keys of one mapping start in the same column",
        )
    if "cannot start any token" in message:
        return place, f"a string that starts with {line[place.column - 1]} must be quoted", ""
    if any(_COMMENT.search(_line_text(text, n)) for n in (place.line - 1, place.line)) or message.startswith(
        "mapping values"
    ):
        return place, message, _QUOTES
    return place, message, ""


def _unquoted_template(text: str, place: Place) -> Place | None:
    """Return the position of an unquoted template near the line of an error."""
    for number in (place.line, place.line - 1):
        if match := re.search(r"(?:^|[:\-,\[])\s+\{\{", _line_text(text, number)):
            return Place(place.file, number, match.end() - 1)
    return None


def _innermost_bracket(text: str, loader: Any) -> Any:
    """Return the mark of the innermost bracket still open where the parser stops."""
    opened: list[Any] = []
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append(event.start_mark if event.flow_style else None)
            elif isinstance(event, yaml.CollectionEndEvent):
                opened.pop()
    except yaml.YAMLError:
        pass
    return opened[-1] if opened else None


def _may_nest_deeply(text: str) -> bool:
    """Return whether a text may nest deeply; quoted brackets count too, which only costs a closer look."""
    level = highest = 0
    for match in _BRACKET.finditer(text):
        level += 1 if match.group() in "[{" else -1
        highest = max(highest, level)
    return highest > MAX_LEVELS // 2 or _DEEPLY_INDENTED.search(text) is not None


def _parse_events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return  # reported when the document is parsed


def _mark_place(mark: Any, file: str) -> Place:
    """Return the position of a parser mark; the whole file if there is none."""
    return Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file)


def _line_text(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _offset_place(text: str, offset: int, file: str) -> Place:
    before = text[:offset]
    return Place(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
