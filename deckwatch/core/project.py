"""A user's project: a folder with `deckwatch.yaml`. A folder without one means the shipped set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.core import yaml_file
from deckwatch.core.problems import InvalidInput, Place, Problem, nearest_word
from deckwatch.core.subprocess_call import call_in_child
from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from deckwatch.core.yaml_file import Path as YamlPath

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


def load_project(folder: Path, fragments: Iterable[Path], *, lean: bool = False, keep_invalid: bool = False) -> Project:
    """Read and check a project. `fragments` are the packages' parts of its schema; raises InvalidInput.

    `lean` checks in a child process: the validator takes 8 MB, which a process that lives long should not keep.
    With `faulty` a file with problems is read too, without the parts that have them, for whoever looks for other
    problems in the same run.
    """
    path = folder / FILE
    if not path.is_file():
        if (near := path.with_suffix(".yml")).is_file():
            raise InvalidInput([Problem(Place(str(near)), f"is not read: the file is called {FILE}")])
        return Project(folder)
    read = yaml_file.read_yaml(path)
    if read.data is None:
        read.data = {}
    document, faults = (
        call_in_child(lambda: _without_invalid_parts(read, fragments))
        if lean
        else _without_invalid_parts(read, fragments)
    )
    if faults and (not keep_invalid or any(_hides_others(where) for where in faults)):
        raise InvalidInput(faults.values())
    return Project(folder, document, tuple(faults.values()))


def _without_invalid_parts(document: Document, fragments: Iterable[Path]) -> tuple[Document, dict[YamlPath, Problem]]:
    """Return the document without what its schema refuses, and what that is, by its path."""
    from deckwatch.core.schema import Schema  # noqa: PLC0415 - needed only where there is a file

    schema = Schema(project_schema(fragments))
    told = left = schema.problems_by_path(document)
    stand_ins: set[YamlPath] = set()
    while left and () not in left:
        # From the end, so that the places of a list's first items hold while others of it go.
        for where in sorted({_enclosing_item(path) for path in left}, reverse=True):
            if where[0] in _STAND_INS and len(where) == 2:
                document.set_value(where, _STAND_INS[where[0]](document.value_at(where)))
                stand_ins.add(where)
            else:
                document.remove(where)
        left = {path: one for path, one in schema.problems_by_path(document).items() if path[:2] not in stand_ins}
    return document, told


def _enclosing_item(path: YamlPath) -> YamlPath:
    """Return which part is left out for a fault: a list's item as a whole, since half of it says something else."""
    if path[0] == "metrics":
        return path[:2]
    index = next((i for i, step in enumerate(path) if isinstance(step, int)), len(path))
    return path[: index + 1]


def _hides_others(path: YamlPath) -> bool:
    """Return whether a fault hides names, so that every use of one of them would be called wrong."""
    return not path or (
        len(path) == 1 and (path[0] in _STAND_INS or nearest_word(str(path[0]), _STAND_INS) is not None)
    )


def _metric_info(said: Any) -> dict[str, Any]:
    kind = str(said.get("kind")) if isinstance(said, dict) else ""
    return {"kind": nearest_word(kind, ("counter", "gauge", "histogram", "summary")) or "untyped", "open": True}


# What stands in for a faulty entry whose name other parts and files use: a team and a metric stay known.
_STAND_INS: dict[Any, Callable[[Any], dict[str, Any]]] = {"teams": lambda _: {}, "metrics": _metric_info}


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
        part = yaml_file.read_yaml(path).data
        schema["properties"] |= part.get("properties", {})
        schema["$defs"] |= part.get("$defs", {})
    return schema
