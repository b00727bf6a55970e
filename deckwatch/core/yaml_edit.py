"""Edits of a YAML text at the positions of its keys, which keep all else: comments, quotes, order, line breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator


class CannotEditError(Exception):
    """The text has a form that these edits do not handle; the message is for the user."""


class Entry(NamedTuple):
    """A key with its value, and where it stands: the mapping that contains it, and the entry of that mapping."""

    key: yaml.ScalarNode
    value: yaml.Node
    mapping: yaml.MappingNode
    parent: Entry | None

    @property
    def end(self) -> int:
        """The offset after the value, without the blank lines that PyYAML counts to a block."""
        return int(self.value.end_mark.index)


def find_entry(text: str, line: int, column: int) -> Entry:
    """Return the entry whose key is at a position, counted from 1; raises CannotEditError."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for entry in _walk_entries(root, None, set()):
        if (entry.key.start_mark.line + 1, entry.key.start_mark.column + 1) == (line, column):
            return entry
    raise CannotEditError("the key is not in this file")


def _walk_entries(node: yaml.Node | None, parent: Entry | None, visited: set[int]) -> Iterator[Entry]:
    if node is None or id(node) in visited:  # an alias
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            entry = Entry(key, value, node, parent)
            yield entry
            yield from _walk_entries(value, entry, visited)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _walk_entries(child, None, visited)


def rename_key(text: str, line: int, column: int, old: str, new: str) -> str:
    """Return the text with another name for the key at a position; quotes stay. Raises CannotEditError."""
    lines = text.split("\n")
    before, rest = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
    quote = rest[:1] if rest[:1] in ("'", '"') else ""
    if not rest.startswith(f"{quote}{old}{quote}"):
        raise CannotEditError(f"{old} is not written as it is read")
    lines[line - 1] = f"{before}{quote}{new}{rest[len(quote) + len(old) :]}"
    return "\n".join(lines)


def move_entry(text: str, line: int, column: int, target: str, name: str) -> str:
    """Return the text with the entry at a position moved into the mapping `target` at the top, as `name`.

    With an empty name the entries of its own mapping move. Raises CannotEditError, also if an entry is there already.
    """
    entry = find_entry(text, line, column)
    if entry.value.start_mark.index < entry.key.end_mark.index:
        raise CannotEditError("the value is an alias")
    moved = _entry_texts(text, entry, name)
    comment = _comment_after(text, entry)
    rest = _remove_entry(text, entry)
    keys = {name} if name else {key.value for key, _ in entry.value.value}
    root = yaml.compose(rest, Loader=yaml.SafeLoader)
    found = next(((key, value) for key, value in (root.value if root is not None else ()) if key.value == target), None)
    if found is None:
        body = "".join(f"  {_indent(each, 2)}{comment if each is moved[-1] else ''}\n" for each in moved)
        end = "" if not rest or rest.endswith("\n") else "\n"
        return f"{rest}{end}{target}:\n{body}"
    if isinstance(found[1], yaml.MappingNode) and (twice := keys & {key.value for key, _ in found[1].value}):
        raise CannotEditError(f"{target} has {', '.join(sorted(twice))} already")
    return _insert_entries(rest, found[1], target, moved, comment)


def _entry_texts(text: str, entry: Entry, name: str) -> list[str]:
    """Return each entry to move as `name: value`, with following lines as if its key were in column 0."""
    if name:
        value = text[entry.key.end_mark.index : _trimmed_end(text, entry)]
        return [_dedent(f"{name}{value}", entry.key.start_mark.column)]
    if not isinstance(entry.value, yaml.MappingNode) or not entry.value.value:
        raise CannotEditError("the value is not a mapping with entries")
    if entry.value.flow_style:
        pairs = (Entry(key, value, entry.value, entry) for key, value in entry.value.value)
        return [text[each.key.start_mark.index : _trimmed_end(text, each)] for each in pairs]
    # With the comments between its entries.
    start = text.index("\n", entry.key.end_mark.index) + 1
    column = entry.value.start_mark.column
    return ["\n".join(_dedent_line(line, column) for line in text[start : _trimmed_end(text, entry)].split("\n"))]


def _trimmed_end(text: str, entry: Entry) -> int:
    start = entry.value.start_mark.index
    return start + len(text[start : entry.end].rstrip())


def _comment_after(text: str, entry: Entry) -> str:
    """Return the comment behind a value on its last line, with the space before it."""
    rest = text[_trimmed_end(text, entry) :].partition("\n")[0]
    return rest.rstrip() if rest.lstrip().startswith("#") else ""


def _dedent(text: str, column: int) -> str:
    first, *others = text.split("\n")
    return "\n".join([first, *(_dedent_line(line, column) for line in others)])


def _dedent_line(line: str, column: int) -> str:
    """Return a line without its first columns; one that is indented less, a comment, loses all of its indentation."""
    return line.lstrip() if line[:column].strip() else line[column:]


def _indent(text: str, column: int) -> str:
    return text.replace("\n", "\n" + " " * column)


def _remove_entry(text: str, entry: Entry) -> str:
    """Return the text without an entry; a mapping that would be empty goes with its own key."""
    if len(entry.mapping.value) == 1:
        if entry.parent is None:
            raise CannotEditError("nothing would be left")
        return _remove_entry(text, entry.parent)
    if entry.mapping.flow_style:
        return _remove_flow_entry(text, entry)
    start = text.rfind("\n", 0, entry.key.start_mark.index) + 1
    if text[start : entry.key.start_mark.index].strip():
        raise CannotEditError("the key does not begin its line")
    end = text.find("\n", _trimmed_end(text, entry))
    return text[:start] + ("" if end < 0 else text[end + 1 :])


def _remove_flow_entry(text: str, entry: Entry) -> str:
    index = next(i for i, (key, _) in enumerate(entry.mapping.value) if key is entry.key)
    if index + 1 < len(entry.mapping.value):
        return text[: entry.key.start_mark.index] + text[entry.mapping.value[index + 1][0].start_mark.index :]
    return text[: entry.mapping.value[index - 1][1].end_mark.index] + text[entry.end :]


def _insert_entries(text: str, node: yaml.Node, target: str, moved: list[str], comment: str) -> str:
    """Return the text with entries added to a mapping: at its start on one line, else at its end."""
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise CannotEditError(f"{target} is not a mapping with entries")
    first = node.value[0][0].start_mark
    if node.flow_style:
        if any("\n" in each for each in moved):
            raise CannotEditError(f"{target} is on one line")
        return f"{text[: first.index]}{', '.join(moved)}, {text[first.index :]}"
    margin = " " * first.column
    last = node.value[-1]
    end = text.find("\n", _trimmed_end(text, Entry(last[0], last[1], node, None)))
    before, after = (text, "\n") if end < 0 else (text[:end], text[end:])
    body = "".join(f"\n{margin}{_indent(each, first.column)}{comment if each is moved[-1] else ''}" for each in moved)
    return f"{before}{body}{after}"
