"""A user's project: a folder with `deckwatch.yaml`. A folder without one means the shipped set."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.core import yamlfile
from deckwatch.core.apart import apart
from deckwatch.core.place import InvalidInput, Place, Problem
from deckwatch.core.yamlfile import Document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deckwatch.core.yamlfile import Path as YamlPath

FILE = "deckwatch.yaml"


@dataclass(frozen=True)
class Project:
    """The project's folder and its checked file; `data` is empty where there is no file."""

    folder: Path
    document: Document = field(default_factory=lambda: Document(FILE, "", {}))
    problems: tuple[Problem, ...] = ()  # of a file that was read although it has some

    @property
    def is_shipped(self) -> bool:
        """Whether there is no file, so that the shipped set is meant."""
        return not self.document.text and not self.document.values

    @property
    def data(self) -> dict[str, Any]:
        """The file's content, whose structure the schema has checked."""
        return self.document.data or {}


def load(folder: Path, fragments: Iterable[Path], *, lean: bool = False, faulty: bool = False) -> Project:
    """Read and check a project. `fragments` are the packages' parts of its schema; raises InvalidInput.

    `lean` checks in a child process: the validator takes 8 MB, which a process that lives long should not keep.
    With `faulty` a file with problems is read too, without the values that have them, for whoever looks for the
    problems of other files in the same run.
    """
    path = folder / FILE
    if not path.is_file():
        if (near := path.with_suffix(".yml")).is_file():
            raise InvalidInput([Problem(Place(str(near)), f"is not read: the file is called {FILE}")])
        return Project(folder)
    document = yamlfile.load_file(path)
    if document.data is None:
        document.data = {}
    faults = apart(lambda: _faults(document, fragments)) if lean else _faults(document, fragments)
    # Without the declaration of a metric every use of it would be called wrong.
    if faults and (not faulty or any(where[:1] in ((), ("metrics",)) for where in faults)):
        raise InvalidInput(faults.values())
    for where in faults:
        _leave_out(document.data, where)
    return Project(folder, document, tuple(faults.values()))


def _faults(document: Document, fragments: Iterable[Path]) -> dict[YamlPath, Problem]:
    from deckwatch.core.schema import Schema  # noqa: PLC0415 - needed only where there is a file

    return Schema(project_schema(fragments)).faults(document)


def _leave_out(data: dict[str, Any], path: YamlPath) -> None:
    """Remove the value at a path, or the nearest mapping's key above it: the places of lists' items must stay."""
    keys = list(itertools.takewhile(lambda step: isinstance(step, str), path))[:2]
    inner: Any = data
    for key in keys[:-1]:
        inner = inner.get(key, {})
    if isinstance(inner, dict):
        inner.pop(keys[-1], None)


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
