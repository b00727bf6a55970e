"""Environment variables in `deckwatch.yaml`: `${NAME:-default}`, as in Compose files.

The forms are those of https://docs.docker.com/reference/compose-file/interpolation/ with braces. `$NAME` is not one of
them, nor is `${name}` in small letters: Grafana, Prometheus and regular expressions have them. A `.env` file beside
`deckwatch.yaml` holds values of variables that the environment lacks. Values are never part of a message.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import InvalidInput, Problem
from deckwatch.core.yaml_file import Substituted, parse_scalar, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath

FILE = ".env"
_START = re.compile(r"(\$)?\$\{([A-Za-z_][A-Za-z0-9_]*)(:?[-?+]|(?=\}))")
_NAMES = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_REQUIRED = re.compile(r"[A-Z][A-Z0-9_]*")  # the names that count without an operator
_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_QUOTED = re.compile(r"""('[^']*'|"(?:\\.|[^"\\])*")[ \t]*(?:#.*)?$""")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class _Fault(Exception):
    def __init__(self, offset: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.offset, self.hint = offset, hint


def substitute_variables(document: Document, folder: Path) -> dict[YamlPath, Problem]:
    """Replace the variables in all values of a document; return the problems by the paths of those that cannot be.

    A plain value is read again as YAML, so that `${PORT:-9090}` is a number; a quoted one remains a string. `folder` is
    that of the `.env` file.
    """
    if "${" not in document.text:
        return {}
    variables = _Variables(folder)
    problems: dict[YamlPath, Problem] = {}
    for path, text in list(_list_texts(document.data, ())):
        try:
            value, names = _expand_text(text, variables.find_value)
        except _Fault as fault:
            place = document.place_in_text(path, fault.offset)
            problems[path] = Problem(place, str(fault), fault.hint, check="variable")
            continue
        if names or value != text:
            document.substituted[path] = Substituted(value, names)
            document.text_origins[path] = partial(_get_start, document.place(path))
            style, _ = document.scalar_styles[path]
            document.set_value(path, parse_scalar(value) if style is None else value)
    if variables.problem is not None:
        problems[()] = variables.problem
    return problems


def _get_start(start: Place, offset: int) -> Place:
    del offset  # of a text that is not in the file
    return start


def read_as_other_type(document: Document, path: YamlPath) -> None:
    """Give a value with variables its other type: text instead of what YAML takes it for, or the reverse."""
    text = document.substituted[path].text
    document.set_value(path, parse_scalar(text) if isinstance(document.value_at(path), str) else text)


def list_variables(text: str, folder: Path) -> list[str | None]:
    """Return the values of the variables that a text may use, by the order of their names; None for unset ones."""
    variables = _Variables(folder)
    return [variables.find_value(name) for name in sorted(set(_NAMES.findall(text)))]


def _list_texts(value: Any, path: YamlPath) -> Iterator[tuple[YamlPath, str]]:
    if isinstance(value, str) and "${" in value:
        yield path, value
    elif isinstance(value, dict | list):
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _list_texts(child, (*path, step))


def _expand_text(text: str, find_value: Callable[[str], str | None], start: int = 0) -> tuple[str, tuple[str, ...]]:
    """Return a text with its variables replaced, and their names. Raises _Fault, with an offset from `start`."""
    parts: list[str] = []
    names: list[str] = []
    position = 0
    while match := _START.search(text, position):
        escape, name, operator = match.groups()
        parts.append(text[position : match.start()])
        position = match.end()
        if escape or not (operator or _REQUIRED.fullmatch(name)):
            parts.append(match[0].removeprefix("$") if escape else match[0])
            continue
        end = _find_closing(text, match.end())
        if end < 0:
            raise _Fault(start + match.start(), f"${{{name} is not closed", "as in ${NAME:-default}")
        value = find_value(name)
        is_set = bool(value) if operator.startswith(":") else value is not None
        word = text[match.end() : end]
        names.append(name)
        if (operator[-1:] == "-" and not is_set) or (operator[-1:] == "+" and is_set):
            word, inner = _expand_text(word, find_value, start + match.end())
            parts.append(word)
            names += inner
        elif operator[-1:] in ("", "?") and not is_set:
            hint = word or f"set it, also in {FILE}, or write ${{{name}:-default}}"
            raise _Fault(start + match.start(), f"the environment variable {name} is not set", hint)
        elif operator[-1:] != "+":
            parts.append(value or "")
        position = end + 1
    return "".join([*parts, text[position:]]), tuple(dict.fromkeys(names))


def _find_closing(text: str, start: int) -> int:
    """Return the index of the brace that closes a variable, -1 without one; variables in it have their own."""
    depth = 0
    for match in re.compile(r"\$\{|\}").finditer(text, start):
        depth += 1 if match[0] == "${" else -1
        if depth < 0:
            return match.start()
    return -1


class _Variables:
    """The variables of the environment and of the `.env` file, which is read when a name is missing."""

    def __init__(self, folder: Path) -> None:
        self.problem: Problem | None = None  # of the file
        self._path = folder / FILE
        self._from_file: dict[str, str] | None = None

    def find_value(self, name: str) -> str | None:
        """Return the value of a variable, None if it is not set."""
        if name in os.environ:
            return os.environ[name]
        if self._from_file is None:
            self._from_file = self._read_file()
        return self._from_file.get(name)

    def _read_file(self) -> dict[str, str]:
        if not self._path.is_file():
            return {}
        try:
            text = read_text(self._path, FILE)
        except InvalidInput as error:
            self.problem = error.problems[0]
            return {}
        return {match[1]: _unquote_value(match[2]) for match in _LINE.finditer(text)}


def _unquote_value(text: str) -> str:
    """Return the value of a line of a `.env` file, without quotes and a comment."""
    quoted = _QUOTED.match(text)
    if quoted is None:
        return _COMMENT.sub("", text)
    inner = quoted[1][1:-1]
    if text.startswith("'"):
        return inner
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), inner)


def hide_values(document: Document, problems: Iterable[Problem]) -> list[Problem]:
    """Return problems whose texts name the variables in place of a value on their line."""
    shown = {
        document.place(path)[:2]: (value.text, "".join(f"${{{name}}}" for name in value.names))
        for path, value in document.substituted.items()
        if value.names
    }
    hidden = []
    for problem in problems:
        text, names = shown.get(problem.place[:2], ("", ""))
        message, hint = (part.replace(text, names) if text else part for part in (problem.message, problem.hint))
        hidden.append(replace(problem, message=message, hint=hint) if text else problem)
    return hidden


def explain_substituted(document: Document, path: YamlPath, problem: Problem) -> Problem:
    """Return the problem of a value, with the names of its variables if it has some."""
    if path not in document.substituted or not document.substituted[path].names:
        return problem
    source = f"from {', '.join(document.substituted[path].names)}"
    hint = f"{problem.hint}; {source}" if problem.hint else source
    return replace(problem, hint=hint)
