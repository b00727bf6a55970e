"""The document of values whose YAML has not been written yet, to check and generate them without writing and parsing.

Its positions are made up, but two of them are equal, or in an order, exactly where those in the written file would be:
keys and values are numbered in the order of the file, and a mapping begins where its first key does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import Place
from deckwatch.core.yaml_file import Document
from deckwatch.core.yaml_write import to_yaml_number

if TYPE_CHECKING:
    from deckwatch.core.yaml_file import Path


_LONGEST_KEY = 128  # in bytes; a longer one is written after `? ` by libyaml


def build_document(data: Any, file: str) -> Document:
    """Return a copy of the values with their positions, without a text; `data` are JSON values."""
    document = Document(file, "")
    document.data = _Builder(document).copy_value(data, ())
    return document


class _Builder:
    """Copies values and numbers their positions: each is in the first line, and its column is the number."""

    def __init__(self, document: Document) -> None:
        self.file = document.file
        self.keys = document.keys
        self.values = document.values
        self.number = 0

    def copy_value(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict) and value:
            self.values[path] = Place(self.file, 1, self.number + 1)  # where its first key is, or the `?` before it
            self.number += _is_written_explicitly(next(iter(value)))
            return {key: self._copy_entry(item, (*path, key)) for key, item in value.items()}
        self.number += 1
        self.values[path] = Place(self.file, 1, self.number)
        if isinstance(value, (list, tuple)):
            return [self.copy_value(item, (*path, i)) for i, item in enumerate(value)]
        if isinstance(value, float):
            return to_yaml_number(value)
        return {} if isinstance(value, dict) else value

    def _copy_entry(self, value: Any, path: Path) -> Any:
        self.number += 1
        self.keys[path] = Place(self.file, 1, self.number)
        return self.copy_value(value, path)


def _is_written_explicitly(key: str) -> bool:
    """Return whether a key is written as `? key`, since it is too long for an ordinary one or has several lines."""
    return len(key.encode()) > _LONGEST_KEY or "\n" in key
