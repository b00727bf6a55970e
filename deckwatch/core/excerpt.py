"""Lines of a user's YAML file for messages: keys, punctuation, harmless values; other values are masked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from deckwatch.core.masking import mask_address, mask_file_name, mask_if_address, mask_secret_forms, mask_secrets
from deckwatch.core.problems import InvalidInput
from deckwatch.core.yaml_file import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.core.harmless_values import Declaration, HarmlessValues, Visibility

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PUNCTUATION = frozenset("[]{},:-?\"'|>#")
_KEY = re.compile(r"""(?:^|(?<=[\s\[{,]))("[^"\n]*"|'[^'\n]*'|[\w./$-][\w ./$-]*?)\s*:(?=\s|$)""")
_COMMENT_AS_VALUE = re.compile(r"\s*#\S")  # a value that YAML takes for a comment: channel: #shop
_MASKED_COMMENT = re.compile(r"(?:^|(?<=\s))#\s[^\w]*\*[^\w]*$")
_MASK = "*"


def mask_lines(text: str, values: HarmlessValues | None) -> list[str]:
    """Return the lines of a YAML file with the same columns, without comments; without a schema values are masked."""
    return [_MASKED_COMMENT.sub("", line).rstrip() for line in _mask_characters(text, values)]


def _mask_characters(text: str, values: HarmlessValues | None) -> list[str]:
    """Return the lines with every character either as it is or masked."""
    lines = text.splitlines()
    try:
        data = parse_yaml(text, "").data
        root = yaml.compose(text.removeprefix("\ufeff").replace("\r\n", "\n"), Loader=_LOADER)
    except (InvalidInput, yaml.YAMLError, ValueError, RecursionError):
        named = _mask_by_names(lines, values)
        return [
            _join_masks(masked, mask_secrets(mask_secret_forms(line)))
            for line, masked in zip(lines, named, strict=True)
        ]
    canvas = _Canvas(lines)
    if root is not None:
        canvas.paint_node(root, data, values, values.root if values else None)
    shown = canvas.render_lines()
    return [_join_masks(masked, mask_secret_forms(line)) for line, masked in zip(lines, shown, strict=True)]


def _join_masks(first: str, second: str) -> str:
    """Return a line that is masked wherever one of two copies of it is."""
    return "".join(_MASK if _MASK in pair else pair[0] for pair in zip(first, second, strict=True))


class _Canvas:
    """The characters of a file that are shown. Masking wins: an alias shows the same text in two roles."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._shown = [[character.isspace() or character in _PUNCTUATION for character in line] for line in lines]
        self._masked: list[tuple[int, int, int]] = []

    def render_lines(self) -> Iterator[str]:
        for number, start, end in self._masked:
            self._shown[number][start:end] = [False] * len(self._shown[number][start:end])
        for line, shown in zip(self._lines, self._shown, strict=True):
            yield "".join(c if visible else _MASK for c, visible in zip(line, shown, strict=True))

    def paint_node(self, node: yaml.Node, value: Any, values: HarmlessValues | None, at: Declaration | None) -> None:
        """Show the keys and harmless values of a node; `at` is its declaration, None below an unknown key."""
        if isinstance(node, yaml.MappingNode):
            for key_node, child in node.value:
                key = key_node.value
                found = values.find_child(at, value, key) if values and at else None
                is_unknown = found is not None and not found.schemas
                self._paint_scalar(key_node, "shown" if at is not None or values is None else "masked")
                self.paint_node(child, value[key], values, None if is_unknown else found)
        elif isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                found = values.find_child(at, value, index) if values and at else None
                self.paint_node(child, value[index], values, found if found and found.schemas else None)
        else:
            self._paint_scalar(node, values.classify(at, value) if values and at else "masked")
            if value is None and values and at and values.classify(at, "") == "shown":
                self._show_comment(node)

    def _paint_scalar(self, node: yaml.Node, visibility: Visibility) -> None:
        start, end = node.start_mark, node.end_mark
        is_block = getattr(node, "style", None) in ("|", ">")
        for number in range(start.line + is_block, min(end.line + 1, len(self._lines))):
            line = self._lines[number]
            first = start.column if number == start.line else len(line) - len(line.lstrip())
            last = end.column if number == end.line else len(line)
            shown = _shown_part(line[first:last], visibility, is_whole=start.line == end.line)
            for column, character in enumerate(shown, first):
                self._shown[number][column] = character != _MASK
            self._masked += [(number, first + i, first + i + 1) for i, c in enumerate(shown) if c == _MASK]

    def _show_comment(self, node: yaml.Node) -> None:
        line, column = node.end_mark.line, node.end_mark.column
        if line < len(self._lines) and _COMMENT_AS_VALUE.match(self._lines[line], column):
            self._shown[line][column:] = [True] * len(self._shown[line][column:])


def _shown_part(text: str, visibility: Visibility, *, is_whole: bool) -> str:
    """Return a value's text on one line, masked as its visibility requires."""
    masks: dict[Visibility, Callable[[str], str]] = {"address": mask_address, "file": mask_file_name}
    if visibility == "shown":
        return mask_if_address(text)
    return masks[visibility](text) if is_whole and visibility in masks else _MASK * len(text)


def _mask_by_names(lines: list[str], values: HarmlessValues | None) -> Iterator[str]:
    """Yield the lines of a text that is not YAML: a value is shown if its key is declared somewhere."""
    names = values.classify_names() if values else {}
    parents: list[tuple[int, str]] = []  # the indentation and last key of lines that contain the current one
    for line in lines:
        indent = len(line) - len(line.lstrip())
        while line.strip() and parents and parents[-1][0] >= indent:
            parents.pop()
        visibility: Visibility = names.get(parents[-1][1], "masked") if parents else "masked"
        shown, position = "", 0
        keys = list(_KEY.finditer(line))
        for key in keys:
            shown += _show_segment(line[position : key.start(1)], visibility if key is not keys[0] else "masked")
            shown += line[key.start(1) : key.end()]
            position, visibility = key.end(), names.get(key[1].strip("\"'"), "masked")
        yield shown + _show_segment(line[position:], visibility)
        if keys:
            parents.append((indent, keys[-1][1].strip("\"'")))


def _show_segment(text: str, visibility: Visibility) -> str:
    if visibility == "masked":
        return "".join(c if c.isspace() or c in _PUNCTUATION else _MASK for c in text)
    return _shown_part(text, visibility, is_whole=True)
