"""Parsed YAML as JSON for the cache: the shipped files need not be parsed again by every command.

A parsed file is found by the hash of its text, so that it is the same wherever the text comes from. Its positions are
one row for each value, in the order of the file, and are unpacked when the first is needed.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from deckwatch.core import code_cache, plugins, yaml_file
from deckwatch.core.problems import InvalidInput, Place
from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from deckwatch.core.yaml_file import Path

_HOME = FilePath(__file__).parents[1]
_NAME = "yaml"
# Folders with YAML that every command reads; further files are parsed when they are needed.
_FOLDERS = ("alerting", "dashboards", "exporter", "provisioning/library", "core")


def turn_on() -> None:
    """Use the cache for YAML in this process, and for everything else that our code determines."""
    if code_cache.turn_on():
        yaml_file.use_cache(find_document)


def find_document(text: str, file: str) -> Document | None:
    """Return the document of a text that is that of a shipped file; None for any other text."""
    packed = _load_packed().get(_hash_text(text))
    return None if packed is None else PackedDocument.unpack(text, file, packed)


def pack_document(document: Document) -> list[Any]:
    """Return a document's data as JSON text, and one row of positions for each of its values.

    A row has line and column of the key (0 for an item of a list), those of the value, and the scalar's style and
    column (-1 if it is none).
    """
    import orjson  # noqa: PLC0415 - an extra, which the exporter lacks

    rows: list[list[Any]] = []
    for path in _list_paths(document.data):
        key, value = document.keys.get(path), document.values[path]
        style, column = document.scalar_styles.get(path, (None, -1))
        start = (key.line, key.column) if key is not None else (0, 0)
        rows.append([*start, value.line, value.column, style, column])
    return [orjson.dumps(document.data).decode(), rows]


class PackedDocument(Document):
    """A document from the cache, whose positions are unpacked when the first is needed."""

    __slots__ = ("_packed",)
    _packed: list[Any]

    @classmethod
    def unpack(cls, text: str, file: str, packed: list[Any]) -> PackedDocument:
        """Return the document that `pack_document` packed."""
        import orjson  # noqa: PLC0415

        document = cls.__new__(cls)
        document.file, document.text = file, text
        document.data = orjson.loads(packed[0])
        document.text_origins, document.substituted, document._lines = {}, {}, []  # noqa: SLF001 - what __init__ does
        document._packed = packed  # noqa: SLF001
        return document

    def __getattr__(self, name: str) -> Any:
        """Unpack the positions: Python calls this for an attribute that has no value yet."""
        if name not in ("keys", "values", "scalar_styles"):
            raise AttributeError(name)
        import orjson  # noqa: PLC0415

        self.keys, self.values, self.scalar_styles = {}, {}, {}
        file = self.file
        data = orjson.loads(self._packed[0])  # as it was in the file: `data` may have been changed since
        for path, row in zip(_list_paths(data), self._packed[1], strict=True):
            if row[0]:
                self.keys[path] = Place(file, row[0], row[1])
            self.values[path] = Place(file, row[2], row[3])
            if row[5] >= 0:
                self.scalar_styles[path] = (row[4], row[5])
        return getattr(self, name)


def _list_paths(data: Any) -> list[Path]:
    """Return the paths of a value and of everything in it, in the order of the file."""
    result: list[Path] = []

    def add_paths(value: Any, path: Path) -> None:
        result.append(path)
        if isinstance(value, dict):
            for key, child in value.items():
                add_paths(child, (*path, key))
        elif isinstance(value, list):
            for index, child in enumerate(value):
                add_paths(child, (*path, index))

    add_paths(data, ())
    return result


@functools.cache
def _load_packed() -> dict[str, list[Any]]:
    packed: dict[str, list[Any]] = code_cache.get_or_build(_NAME, _pack_shipped)
    return packed


def _pack_shipped() -> dict[str, list[Any]]:
    """Return the shipped files, packed, by the hash of their text."""
    result = {}
    for path in list_shipped():
        try:
            text = yaml_file.read_text(path, str(path))
            document = yaml_file.parse_text(text, str(path))
        except InvalidInput:
            continue  # reported by the command that reads it
        if document.data is not None:
            result[_hash_text(text)] = pack_document(document)
    return result


def list_shipped() -> list[FilePath]:
    """Return the paths of the shipped YAML files that most commands read."""
    return [path for folder in _FOLDERS for path in plugins.list_files(_HOME / folder, ".yaml")]


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
