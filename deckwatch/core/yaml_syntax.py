"""What is wrong with a text that is no YAML, told where people look for it, and in their words.

A parser notices an open bracket where it misses the closing one, often at the end of the file; a person looks for it
where it was opened. What would end the parser itself (a nesting of thousands, of which libyaml's composer and Python's
recursion die) is told before it is asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from deckwatch.core.problems import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 5_000_000  # the largest dashboard known has a tenth of that, as JSON
MAX_LEVELS = 100
# https://yaml.org/spec/1.2.2/#51-character-set
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Line breaks of YAML 1.1, which its parser still counts, and no longer of 1.2: lines would have other numbers.
_BREAK = re.compile("[\r\x85\u2028\u2029]")
_BRACKET = re.compile(r"[\[{\]}]")
_FAR_IN = re.compile(rf"^[ -]{{{MAX_LEVELS},}}\S", re.MULTILINE)
_COMMENT = re.compile(r"\S\s+#\S")  # behind a value, and without the space that people put behind #
_INDENTED_KEY = re.compile(r"(\s+)[\w. -]+:(\s|$)")
_QUOTES = "text with # or : in it stands in quotes"


def find_unreadable(text: str, file: str) -> Problem | None:
    """Return what keeps a text from being given to the parser: a character that YAML does not have, too many levels."""
    if found := _UNPRINTABLE.search(text):
        message = f"the character U+{ord(found.group()):04X} is none that YAML allows"
        return Problem(_offset_place(text, found.start(), file), message, check="yaml")
    if found := _BREAK.search(text):
        message = f"the character U+{ord(found.group()):04X} ends a line for some programs and not for others"
        return Problem(_offset_place(text, found.start(), file), message, "leave it out", check="yaml")
    if _may_nest_deeply(text):
        levels = 0
        for event in _parse_events(text):
            levels += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if levels > MAX_LEVELS:
                return Problem(
                    _mark_place(event.start_mark, file), f"more than {MAX_LEVELS} levels are nested here", check="yaml"
                )
    return None


def syntax_problem(error: Exception, text: str, file: str, loader: Any) -> Problem:
    """Return the one syntax error that a parser tells."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(Place(file), f"not YAML: {error}", check="yaml")
    place = _mark_place(error.problem_mark or error.context_mark, file)
    return Problem(*_locate_error(error, text, place, loader), check="yaml")


def encoding_problem(data: bytes, error: UnicodeDecodeError, file: str) -> Problem:
    """Return the problem of a file in another encoding than UTF-8."""
    hint = "save the file as UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem(Place(file, 1, 1), "cannot be read: it is UTF-16", hint, check="yaml")
    before = data[: error.start].decode()
    place = _offset_place(before, len(before), file)
    return Problem(place, f"cannot be read: the byte 0x{data[error.start]:02X} is not UTF-8", hint, check="yaml")


def _locate_error(error: yaml.MarkedYAMLError, text: str, place: Place, loader: Any) -> tuple[Place, str, str]:
    """Return where an error is told, in which words, and its hint."""
    said = f"{error.context or ''} {error.problem or ''}".strip() or "not YAML"
    line = _line_text(text, place.line)
    if line[place.column - 1 : place.column] == "\t":
        return place, "a tab: YAML is indented by spaces", ""
    context = error.context_mark
    if "quoted scalar" in said and "end of stream" in said and context is not None:
        opened = _mark_place(context, place.file)
        return opened, f"the text that begins with {_line_text(text, opened.line)[opened.column - 1]} is not closed", ""
    if found := _unquoted_template(text, place):
        return found, "a text that begins with {{ stands in quotes", 'as in "{{instance}}"'
    opened = _mark_place(_innermost_bracket(text, loader), place.file)
    if 0 < opened.line < place.line:
        bracket = _line_text(text, opened.line)[opened.column - 1]
        swallowed = any(_COMMENT.search(_line_text(text, n)) for n in range(opened.line, place.line))
        return opened, f"{bracket} is not closed", _QUOTES if swallowed else f"line {place.line} does not fit into it"
    if said.startswith("mapping values") and (key := _INDENTED_KEY.match(line)) and key.end() >= place.column:
        inner = Place(place.file, place.line, key.end(1) + 1)
        return (
            inner,
            "this key stands further in than the line above lets it",
            "keys of one mapping begin in one column",
        )
    if "cannot start any token" in said:
        return place, f"a text that begins with {line[place.column - 1]} stands in quotes", ""
    if any(_COMMENT.search(_line_text(text, n)) for n in (place.line - 1, place.line)) or said.startswith(
        "mapping values"
    ):
        return place, said, _QUOTES
    return place, said, ""


def _unquoted_template(text: str, place: Place) -> Place | None:
    """Return where a text of a template begins that is not quoted, near the line of an error."""
    for number in (place.line, place.line - 1):
        if found := re.search(r"(?:^|[:\-,\[])\s+\{\{", _line_text(text, number)):
            return Place(place.file, number, found.end() - 1)
    return None


def _innermost_bracket(text: str, loader: Any) -> Any:
    """Return where the innermost bracket begins that is open where the parser stops."""
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
    """Return whether a text may nest deeply; brackets in quotes count here too, which costs only a closer look."""
    level = highest = 0
    for found in _BRACKET.finditer(text):
        level += 1 if found.group() in "[{" else -1
        highest = max(highest, level)
    return highest > MAX_LEVELS // 2 or _FAR_IN.search(text) is not None


def _parse_events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return  # told when it is read


def _mark_place(mark: Any, file: str) -> Place:
    """Return the place of the parser's mark; the file as a whole where there is none."""
    return Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file)


def _line_text(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _offset_place(text: str, offset: int, file: str) -> Place:
    before = text[:offset]
    return Place(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
