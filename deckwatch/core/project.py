"""A user's project: a folder with `deckwatch.yaml`. A folder without one means the shipped set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.core import yamlfile
from deckwatch.core.apart import apart
from deckwatch.core.place import InvalidInput
from deckwatch.core.yamlfile import Document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deckwatch.core.place import Problem

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


def load(folder: Path, fragments: Iterable[Path], *, lean: bool = False) -> Project:
    """Read and check a project. `fragments` are the packages' parts of its schema; raises InvalidInput.

    `lean` checks in a child process: the validator takes 8 MB, which a process that lives long should not keep.
    """
    path = folder / FILE
    if not path.is_file():
        return Project(folder)
    document = yamlfile.load_file(path)
    if document.data is None:
        document.data = {}
    problems = apart(lambda: _problems(document, fragments)) if lean else _problems(document, fragments)
    if problems:
        raise InvalidInput(problems)
    return Project(folder, document)


def _problems(document: Document, fragments: Iterable[Path]) -> list[Problem]:
    from deckwatch.core.schema import Schema  # noqa: PLC0415 - needed only where there is a file

    return Schema(project_schema(fragments)).problems(document)


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
