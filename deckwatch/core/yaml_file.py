"""YAML with positions: plain values, and the line and column of each.

Scalars follow the core schema of YAML 1.2 (chapter 10.3 of the specification), like the language server of editors:
PyYAML by default reads `22:30` as 1350, `010` as 8 and `on` as true, and accepts duplicate keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import yaml

from deckwatch.core import edited_texts, yaml_syntax
from deckwatch.core.problems import InvalidInput, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path as FilePath

Path = tuple[str | int, ...]
T = TypeVar("T")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Composer(_LOADER):  # type: ignore[misc]  # PyYAML's C loader if available, else the Python one
    """Composes nodes without tags: the scalars are read by `parse_scalar`."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """Return no tag, for which PyYAML compares each scalar with patterns."""
        del kind, value, implicit
        return ""

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Do nothing: there are no tags by path."""

    def ascend_resolver(self) -> None:
        """Do nothing."""


_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS = frozenset("-+.0123456789")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL_OR_HEX = re.compile(r"(0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = {".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}
_ALIAS = re.compile(r"(?:^|[\s\[{,:-])\*\w", re.MULTILINE)
_WHOLE = range(-(2**63), 2**64)  # JSON encoders refuse others; Jsonnet has only floats
_MAX_DIGITS = 300
_MAX_NODES = 200_000  # nested aliases may grow without bound ("billion laughs")


class Substituted(NamedTuple):
    """A value with environment variables: its text after their substitution, and their names."""

    text: str
    names: tuple[str, ...]


@dataclass(slots=True)
class Document:
    """A YAML file as plain values, with the position of every key and value by path."""

    file: str
    text: str
    data: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    # The quotes or | of each scalar, None for a plain one, and the column of its parent.
    scalar_styles: dict[Path, tuple[str | None, int]] = field(default_factory=dict)
    # For text included from another document: maps an offset to a position there.
    text_origins: dict[Path, Callable[[int], Place]] = field(default_factory=dict)
    # Values in which environment variables were replaced (`environment_values`); never part of a message.
    substituted: dict[Path, Substituted] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list)  # of `text`, split when the first position in it is needed

    def place(self, path: Path = (), *, key: bool = False) -> Place:
        """Return the position of the value (or key) at `path`; of its nearest parent if the path is unknown."""
        for end in range(len(path), -1, -1):
            head = path[:end]
            if (key or end < len(path)) and head in self.keys:
                return self.keys[head]
            if head in self.values:
                return self.values[head]
        return Place(self.file)

    def place_in_text(self, path: Path, offset: int) -> Place:
        """Return the position of the character at `offset` of the string at `path`.

        Exact for plain, single-line quoted and literal block scalars; the start of the value for folded scalars,
        whose original line breaks are lost.
        """
        if path in self.text_origins:
            return self.text_origins[path](offset)
        start = self.place(path)
        if path not in self.scalar_styles:
            return start
        style, parent_column = self.scalar_styles[path]
        if not self._lines:
            self._lines = self.text.split("\n")
        lines = self._lines
        if style is None or style in "'\"":
            column = start.column + (style is not None)
            rest = lines[start.line - 1][column - 1 :]
            one_line = style is None or rest.rstrip().count(style) >= 1
            return Place(self.file, start.line, column + offset) if one_line else start
        if style != "|":
            return start
        value: str = self.value_at(path)
        before = value[:offset]
        line = start.line + 1 + before.count("\n")
        body = lines[start.line :]
        first = next((text for text in body if text.strip()), "")
        indent = max(len(first) - len(first.lstrip(" ")), parent_column)
        return Place(self.file, line, indent + 1 + len(before) - (before.rfind("\n") + 1))

    def value_at(self, path: Path) -> Any:
        """Return the value at `path`."""
        value = self.data
        for step in path:
            value = value[step]
        return value

    def set_value(self, path: Path, value: Any) -> None:
        """Replace the value at `path`; its position is kept."""
        self.value_at(path[:-1])[path[-1]] = value

    def remove(self, path: Path) -> None:
        """Remove the value at `path`. Later items of a list move up, with their positions."""
        *head, last = path
        del self.value_at(tuple(head))[last]
        self.keys = _drop_path(self.keys, path)
        self.values = _drop_path(self.values, path)
        self.scalar_styles = _drop_path(self.scalar_styles, path)
        self.text_origins = _drop_path(self.text_origins, path)
        self.substituted = _drop_path(self.substituted, path)

    def problem(self, path: Path, message: str, hint: str = "", *, check: str = "input", key: bool = False) -> Problem:
        """Return an error at the value (or key) at `path`."""
        return Problem(self.place(path, key=key), message, hint, check)


def _drop_path(places: dict[Path, T], gone: Path) -> dict[Path, T]:
    """Return the mapping without a path and everything below it; later items of a list move up."""
    head, last, depth = gone[:-1], gone[-1], len(gone)
    result = {}
    for path, place in places.items():
        step = path[depth - 1] if len(path) >= depth and path[: depth - 1] == head else None
        if isinstance(step, int) and isinstance(last, int) and step > last:
            result[(*head, step - 1, *path[depth:])] = place
        elif step is None or step != last:
            result[path] = place
    return result


_find_cached: Callable[[str, str], Document | None] = lambda _text, _file: None  # noqa: E731 - replaced by use_cache


def use_cache(find_document: Callable[[str, str], Document | None]) -> None:
    """Ask a function for the document of each text and file before it is parsed."""
    global _find_cached  # noqa: PLW0603 - one per process
    _find_cached = find_document


def parse_yaml(text: str, file: str) -> Document:
    """Return the document of a text, from the cache if there is one; raises InvalidInput like `parse_text`."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return _find_cached(text, file) or parse_text(text, file)


def parse_text(text: str, file: str) -> Document:
    """Parse one YAML document with the line breaks of Unix.

    Raises InvalidInput with the first syntax error, or with all duplicate and non-string keys.
    """
    document = Document(file, text)
    if (problem := yaml_syntax.find_unreadable(text, file)) is not None:
        raise InvalidInput([problem])
    try:
        root = yaml.compose(text, Loader=_Composer)
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInput([yaml_syntax.syntax_problem(error, text, file, _LOADER)]) from None
    problems: list[Problem] = []
    if root is not None:
        document.data = _Builder(document, problems).build_value(root, (), 0)
    if problems:
        raise InvalidInput(problems)
    return document


def read_yaml(path: FilePath, name: str | None = None) -> Document:
    """Read a YAML file; messages refer to it as `name`. Raises InvalidInput, also if it is unreadable."""
    name = name or str(path)
    return parse_yaml(read_text(path, name), name)


def read_text(path: FilePath, name: str) -> str:
    """Return the text of a YAML file; raises InvalidInput if it is unreadable."""
    if (text := edited_texts.find_text(path)) is not None:
        return text.replace("\r\n", "\n")
    try:
        if path.stat().st_size > yaml_syntax.MAX_BYTES:
            message = f"cannot be read: the file is larger than {yaml_syntax.MAX_BYTES // 1_000_000} MB"
            raise InvalidInput([Problem(Place(name), message, check="yaml")])
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput([Problem(Place(name), f"cannot be read: {error.strerror}", check="yaml")]) from None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput([yaml_syntax.encoding_problem(data, error, name)]) from None
    return text.replace("\r\n", "\n")


class _Builder:
    """Turns PyYAML's nodes into values and records their positions."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document = document
        self.problems = problems
        self.nodes = 0
        self.open: list[int] = []

    def build_value(self, node: yaml.Node, path: Path, column: int) -> Any:
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise InvalidInput([self._too_many_nodes(path)])
        place = self._place_of(node)
        self.document.values[path] = place
        if isinstance(node, yaml.ScalarNode):
            style = node.style or None  # a plain scalar is '' in libyaml, None in the Python parser
            self.document.scalar_styles[path] = (style, column)
            tagged = self.document.text.startswith("!", node.start_mark.index)
            return node.value if style or tagged else parse_scalar(node.value)
        if id(node) in self.open:
            raise InvalidInput([Problem(place, "aliases make this file grow without bound", check="yaml")])
        self.open.append(id(node))
        value = (
            self._build_mapping(node, path) if isinstance(node, yaml.MappingNode) else self._build_sequence(node, path)
        )
        self.open.pop()
        return value

    def _too_many_nodes(self, path: Path) -> Problem:
        """Return the problem of a file with too many values, at the top-level key if aliases are the cause."""
        if _ALIAS.search(self.document.text):
            place = self.document.place(path[:1], key=True)
            return Problem(place, "aliases make this file grow without bound", check="yaml")
        return Problem(Place(self.document.file), f"the file has more than {_MAX_NODES:,} values", check="yaml")

    def _build_mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place_of(key_node)
            if isinstance(key_node, yaml.MappingNode) and key_node.flow_style and node.flow_style:
                message, hint = "a string that starts with {{ must be quoted", 'as in "{{instance}}"'
                self.problems.append(Problem(self._place_of(node), message, hint, check="yaml"))
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(place, "a key must be a string", check="yaml"))
                continue
            key = key_node.value
            if key == "<<" and not key_node.style:
                hint = "YAML 1.2 has no merge keys: repeat the keys"
                self.problems.append(Problem(place, "<< is not a valid key", hint, check="yaml"))
                continue
            if key in result:
                first = self.document.keys[(*path, key)]
                self.problems.append(Problem(place, f"duplicate key {key}", f"first in line {first.line}", "yaml"))
                continue
            self.document.keys[(*path, key)] = place
            result[key] = self.build_value(value_node, (*path, key), key_node.start_mark.column)
        return result

    def _build_sequence(self, node: yaml.Node, path: Path) -> list[Any]:
        return [self.build_value(child, (*path, i), node.start_mark.column) for i, child in enumerate(node.value)]

    def _place_of(self, node: yaml.Node) -> Place:
        return Place(self.document.file, node.start_mark.line + 1, node.start_mark.column + 1)


def parse_scalar(text: str) -> Any:
    """Return the value of a plain scalar by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _MAX_DIGITS:
        return text  # no key takes a number of so many digits, and Python refuses to convert it
    if _INT.match(text):
        return number if (number := int(text)) in _WHOLE else float(number)
    if _OCTAL_OR_HEX.match(text) and int(text, 0) in _WHOLE:
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    return _SPECIAL.get(text.lower(), text)
