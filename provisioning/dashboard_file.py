"""Dashboard files of any form, in JSON or YAML, read from a path or standard input."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards import schema_v2

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.core.json_types import Json
    from deckwatch.dashboards.schema_v2 import FoundDashboard

SUFFIXES = (".json", ".yaml", ".yml")
_MAX_BYTES = 50_000_000  # ten times the largest known dashboard with all its data
_DOCUMENT_START = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)


def read_dashboards(path: Path, rejected: list[str] | None = None) -> list[FoundDashboard]:
    """Return the dashboards of a file, `-` for standard input; raises DeckwatchError, also if there is none.

    With `rejected`, invalid entries of a ConfigMap are reported there and do not affect the others.
    """
    source = _source_name(path)
    documents = read_documents(path)
    return [found for document in documents for found in schema_v2.find_dashboards(document, source, rejected)]


def read_documents(path: Path) -> list[Json]:
    """Return the contents of a file: one, or those of a YAML file that `---` separates; raises DeckwatchError."""
    source = _source_name(path)
    text = _decode_text(_read_bytes(path, source), source)
    documents = [text] if text.lstrip()[:1] in ("{", "[") else _split_documents(text)
    return [schema_v2.parse_document(document, source) for document in documents]


def _source_name(path: Path) -> str:
    return "standard input" if str(path) == "-" else str(path)


def _read_bytes(path: Path, source: str) -> bytes:
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise DeckwatchError(f"{source} cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise DeckwatchError(f"{source} cannot be read: it is larger than {_MAX_BYTES // 1_000_000} MB")
    return data


def _decode_text(data: bytes, source: str) -> str:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark."""
    try:
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise DeckwatchError(f"{source} cannot be read: it is not UTF-8") from None


def _split_documents(text: str) -> list[str]:
    """Return the documents of a YAML file that `---` separates, each with its line numbers; empty ones are left out."""
    documents = []
    lines = 0
    for part in _DOCUMENT_START.split(text):
        if any(line.strip() and line.lstrip()[0] != "#" for line in part.splitlines()):
            documents.append("\n" * lines + part)
        lines += part.count("\n")
    return documents or [text]
