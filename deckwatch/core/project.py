"""A user's project: a folder with `deckwatch.yaml`. A folder without one means the shipped set."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch import __version__
from deckwatch.core import environment_values, yaml_file
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import DeckwatchError, InvalidInput, Place, Problem, nearest_word
from deckwatch.core.subprocess_call import call_in_child
from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from deckwatch.core.schema import Schema
    from deckwatch.core.yaml_file import Path as YamlPath

FILE = "deckwatch.yaml"
# While it exists, some files of the project may be upgraded and others not (`provisioning/file_transaction.py`).
COMMITTED_UPGRADE = Path(".deckwatch/upgrade")
_VERSION = re.compile(r"\d+(\.\d+)*\Z")
ADDRESSES = Path(__file__).with_name("address.schema.yaml")


@dataclass(frozen=True)
class Project:
    """A project's folder and its validated file; `data` is empty if there is no file."""

    folder: Path
    document: Document = field(default_factory=lambda: Document(FILE, "", {}))
    problems: tuple[Problem, ...] = ()  # of a file read with `keep_invalid`
    has_file: bool = False  # also where the file is empty

    @property
    def is_shipped(self) -> bool:
        """Whether there is no file, which means the shipped set."""
        return not self.has_file and not self.document.text and not self.document.values

    @property
    def data(self) -> dict[str, Any]:
        """The content of the file, validated against the schema."""
        return self.document.data or {}


def load_project(folder: Path, fragments: Iterable[Path], *, lean: bool = False, keep_invalid: bool = False) -> Project:
    """Read and validate a project. `fragments` are the packages' parts of its schema; raises InvalidInput.

    `lean` validates in a child process: the validator takes 8 MB, which a long-lived process should not keep. With
    `keep_invalid`, a file with problems is read without its invalid parts, so that one run finds all problems.
    """
    path = folder / FILE
    if not path.is_file():
        if (near := path.with_suffix(".yml")).is_file():
            raise InvalidInput([Problem(Place(str(near)), f"is ignored: the file must be named {FILE}")])
        return Project(folder)
    if (folder / COMMITTED_UPGRADE).is_dir():
        raise DeckwatchError(f"an upgrade was interrupted: run `{format_command('upgrade-project', project=folder)}`")
    original = yaml_file.read_yaml(path)
    _refuse_newer(original)
    if original.data is None:
        original.data = {}
        return Project(folder, original, has_file=True)  # nothing to validate, so the extra `config` is not needed
    unset = environment_values.substitute_variables(original, folder)
    document, faults = (
        call_in_child(lambda: _without_invalid_parts(original, fragments, unset))
        if lean
        else _without_invalid_parts(original, fragments, unset)
    )
    if faults and (not keep_invalid or any(_hides_others(where) for where in faults)):
        raise InvalidInput(faults.values())
    return Project(folder, document, tuple(faults.values()), has_file=True)


def _refuse_newer(document: Document) -> None:
    """Raise InvalidInput if the project was written for a newer version, whose keys would be reported as unknown."""
    version = document.data.get("version") if isinstance(document.data, dict) else None
    if isinstance(version, str) and _VERSION.match(version) and _parse_version(version) > _parse_version(__version__):
        message = f"this project needs deckwatch {version}; this is {__version__}"
        raise InvalidInput([document.problem(("version",), message, "upgrade deckwatch", check="version")])


def _parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, without zeros at the end: 0.2 is 0.2.0."""
    numbers = [int(number) for number in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _without_invalid_parts(
    document: Document, fragments: Iterable[Path], unset: Mapping[YamlPath, Problem]
) -> tuple[Document, dict[YamlPath, Problem]]:
    """Return the document without its invalid parts, and their problems by path; `unset` are known ones."""
    schema = _compile_schema(tuple(fragments))
    problems = left = {**_cast_substituted(document, schema), **unset}
    stand_ins: set[YamlPath] = set()
    while left and () not in left:
        # From the end, so that removals do not shift the paths of earlier list items.
        for where in sorted({_enclosing_item(path) for path in left}, reverse=True):
            if where[0] in _STAND_INS and len(where) == 2:
                document.set_value(where, _STAND_INS[where[0]](document.value_at(where)))
                stand_ins.add(where)
            else:
                document.remove(where)
        left = {
            path: problem for path, problem in schema.problems_by_path(document).items() if path[:2] not in stand_ins
        }
    return document, problems


def _cast_substituted(document: Document, schema: Schema) -> dict[YamlPath, Problem]:
    """Give values of environment variables the type that the schema expects; return the problems of the document."""
    problems = schema.problems_by_path(document)
    invalid = [path for path in problems if path in document.substituted]
    if not invalid:
        return problems
    for path in invalid:
        environment_values.read_as_other_type(document, path)
    still_invalid = [path for path in schema.problems_by_path(document) if path in invalid]
    for path in still_invalid:
        environment_values.read_as_other_type(document, path)
    problems = schema.problems_by_path(document)
    explain = environment_values.explain_substituted
    return {path: explain(document, path, problem) for path, problem in problems.items()}


def _enclosing_item(path: YamlPath) -> YamlPath:
    """Return the part to remove for a fault: a list item as a whole, since a partial item has another meaning."""
    if path[0] == "metrics":
        return path[:2]
    index = next((i for i, step in enumerate(path) if isinstance(step, int)), len(path))
    return path[: index + 1]


def _hides_others(path: YamlPath) -> bool:
    """Return whether a fault hides names, so that every use of them would be reported as unknown."""
    return not path or (
        len(path) == 1 and (path[0] in _STAND_INS or nearest_word(str(path[0]), _STAND_INS) is not None)
    )


def _metric_info(entry: Any) -> dict[str, Any]:
    kind = str(entry.get("kind")) if isinstance(entry, dict) else ""
    return {"kind": nearest_word(kind, ("counter", "gauge", "histogram", "summary")) or "untyped", "open": True}


# Stand-ins for invalid teams, metrics and dialects, whose names other parts and files use.
_STAND_INS: dict[Any, Callable[[Any], dict[str, Any]]] = {
    "teams": lambda _: {},
    "metrics": _metric_info,
    "dialects": lambda _: {"metrics": {}},
}


@functools.cache
def _compile_schema(fragments: tuple[Path, ...]) -> Schema:
    """Return the compiled schema; a command reads the file for the defaults of its options and then as a whole."""
    from deckwatch.core.schema import Schema  # noqa: PLC0415 - needed only if there is a file

    return Schema(project_schema(fragments))


def project_schema(fragments: Iterable[Path]) -> dict[str, Any]:
    """Return the schema of `deckwatch.yaml`, merged from the packages' fragments and those of extensions.

    Each fragment is a mapping with `properties` (top-level keys) and optional `$defs`. To a key or a definition
    that an earlier fragment has declared it adds the keys below it.
    """
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Deckwatch project",
        "type": "object",
        "additionalProperties": False,
        "properties": {},
        "$defs": yaml_file.read_yaml(ADDRESSES).data["$defs"],
    }
    for path in fragments:
        part = yaml_file.read_yaml(path).data
        schema["properties"] = _merge_properties(schema["properties"], part.get("properties", {}))
        schema["$defs"] = _merge_properties(schema["$defs"], part.get("$defs", {}))
    return schema


def _merge_properties(known: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of both; where both have a key, the properties below it are merged."""
    merged = known | added
    for key in known.keys() & added.keys():
        below = _merge_properties(known[key].get("properties", {}), added[key].get("properties", {}))
        merged[key] = {**known[key], "properties": below}
    return merged
