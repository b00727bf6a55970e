"""A user's project: a folder with `deckwatch.yaml`. A folder without one means the shipped set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.core import yamlfile
from deckwatch.core.place import InvalidInput
from deckwatch.core.yamlfile import Document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE = "deckwatch.yaml"


@dataclass(frozen=True)
class Project:
    """The project's folder and its checked file; `data` is empty where there is no file."""

    folder: Path
    document: Document = field(default_factory=lambda: Document(FILE, "", {}))

    @property
    def data(self) -> dict[str, Any]:
        """The file's content, whose structure the schema has checked."""
        return self.document.data or {}


def load(folder: Path, fragments: Iterable[Path]) -> Project:
    """Read and check a project. `fragments` are the packages' parts of its schema; raises InvalidInput."""
    path = folder / FILE
    if not path.is_file():
        return Project(folder)
    document = yamlfile.load_file(path)
    from deckwatch.core.schema import Schema  # noqa: PLC0415 - needed only where there is a file

    if document.data is None:
        document.data = {}
    if problems := Schema(project_schema(fragments)).problems(document):
        raise InvalidInput(problems)
    return Project(folder, document)


def project_schema(fragments: Iterable[Path]) -> dict[str, Any]:
    """Return the schema of `deckwatch.yaml`: the packages' `project.schema.yaml` files, laid together.

    Each fragment is a mapping with `properties` (top-level keys) and, if it needs them, `$defs`.
    """
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Deckwatch project",
        "type": "object",
        "additionalProperties": False,
        "properties": {},
        "$defs": {},
    }
    for path in fragments:
        part = yamlfile.load_file(path).data
        schema["properties"] |= part.get("properties", {})
        schema["$defs"] |= part.get("$defs", {})
    return schema
