"""Parts: panels and rows that dashboards include with `use:`, one file each, with parameters.

A text that is only `${name}` is replaced by the parameter's value, with its type; within a longer text, the value is
inserted as text. Grafana's own variables, `$name` and `${__name}`, are kept.
"""

from __future__ import annotations

import copy
import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core import plugins, yaml_file
from deckwatch.core.copy_with_places import Substitution, extract_subdocument
from deckwatch.core.problems import InvalidInput, Problem, did_you_mean
from deckwatch.core.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath

SHIPPED = Path(__file__).parents[1] / "parts"
SCHEMA = Path(__file__).parents[1] / "part.schema.yaml"
_PARAMETER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*)\}")
_TYPES: dict[str, JsonObject] = {
    "text": {"type": "string", "minLength": 1},
    "number": {"type": "number"},
    "quantity": {"type": ["number", "string"], "title": "a quantity such as 80%, 500ms or 2GiB"},
    "duration": {
        "type": "string",
        "title": "a duration such as 30s, 5m or 1h",
        "pattern": "^([0-9]+(ms|s|m|h|d|w))+$",
    },
    "switch": {"type": "boolean"},
    "list": {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}},
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part. Signals of its `subjects` have short names in it."""

    name: str
    document: Document
    subjects: tuple[str, ...]

    @property
    def parameters(self) -> Mapping[str, JsonMapping]:
        """The declarations of its parameters, by name."""
        declared: Mapping[str, JsonMapping] = self.document.data.get("parameters") or {}
        return declared

    def row_options(self) -> JsonObject:
        """Return the options of its row; empty for a part that has only panels."""
        return {key: self.document.data[key] for key in ROW if key in self.document.data}


ROW = ("row", "height", "collapsed", "needs")


@dataclass
class Parts:
    """The shipped parts and a project's own, which replace shipped ones of the same name. Files are read when used.

    `files` has the path of each part and its path in messages, by the name in `use:`, such as `postgres/connections`.
    """

    files: dict[str, tuple[Path, str]]
    problems: list[Problem] = field(default_factory=list)
    _read: dict[str, Part | None] = field(default_factory=dict)

    def find_part(self, name: str) -> Part | None:
        """Return a part; None for an unknown or invalid one, whose problems are added to `problems`."""
        if name not in self._read:
            self._read[name] = self._load(name) if name in self.files else None
        return self._read[name]

    def _load(self, name: str) -> Part | None:
        path, displayed_path = self.files[name]
        try:
            document = yaml_file.read_yaml(path, displayed_path)
        except InvalidInput as error:
            self.problems += error.problems
            return None
        problems = [*_load_schema().find_problems(document)]
        if not problems:
            problems = [*_check_defaults(document), *_find_unknown_parameters(document)]
        self.problems += problems
        steps = [part.replace("-", "_").lower() for part in name.split("/")]
        return None if problems else Part(name, document, tuple(dict.fromkeys(reversed(steps))))


def assemble_schema(dashboard: JsonMapping) -> JsonObject:
    """Return the schema of part files, made from that of dashboards: `${name}` is allowed for any value."""
    result: JsonObject = yaml_file.read_yaml(SCHEMA).data
    definitions = copy.deepcopy(dict(dashboard["$defs"]))
    for name, definition in definitions.items():
        if name.startswith("panel_"):
            definition["properties"] = {key: _allow_parameter(value) for key, value in definition["properties"].items()}
    result["$defs"] |= definitions
    result["properties"]["panels"]["items"] = {"$ref": "#/$defs/panel"}
    result["properties"]["signals"] = dashboard["properties"]["signals"]
    return {"$schema": dashboard["$schema"], **result}


def _allow_parameter(schema: JsonMapping) -> JsonObject:
    parameter = {"type": "string", "pattern": f"^{_PARAMETER.pattern}$"}
    return {"description": schema.get("description", ""), "if": parameter, "else": schema}


@functools.cache
def _load_schema() -> Schema:
    return Schema(yaml_file.read_yaml(SCHEMA).data)


def list_parts(own: Path | None = None, base: Path | None = None) -> Parts:
    """Return the parts in the folders; messages show the paths of a project's own relative to `base`."""
    files = {_part_name(path, SHIPPED): (path, str(path)) for path in plugins.list_files(SHIPPED, ".yaml")}
    if own is not None:
        for path in plugins.list_files(own, ".yaml") + plugins.list_files(own, ".yml"):
            displayed_path = str(path.relative_to(base)) if base is not None else str(path)
            files[_part_name(path, own)] = (path, displayed_path)
    return Parts(files)


def _part_name(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


def find_use_problems(part: Part, document: Document, path: YamlPath) -> list[Problem]:
    """Return the problems of `with:` of the use at `path`: unknown and missing parameters, wrong types."""
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _parameter_schema(declared) for name, declared in part.parameters.items()},
    }
    at = (*path, "with")
    given = document.value_at(path).get("with", {})
    problems = (
        Schema(schema).find_problems(extract_subdocument(document, at)) if "with" in document.value_at(path) else []
    )
    if isinstance(given, dict) and not any(problem.message.startswith("unknown key") for problem in problems):
        missing = [
            name for name, declared in part.parameters.items() if "default" not in declared and name not in given
        ]
        place = document.place(at if given else (*path, "use"), key=True)
        for name in missing:
            message = f"{part.name} needs {name}"
            problems.append(Problem(place, message, part.parameters[name]["description"].rstrip(".")))
    return problems


def _parameter_schema(declared: JsonMapping) -> JsonObject:
    choices = {"enum": declared["of"]} if "of" in declared else {}
    return _TYPES[declared["type"]] | choices


class Values:
    """Substitutes the values of a use's parameters in a part's texts; a `copy_with_places.Fill`."""

    def __init__(self, part: Part, document: Document, path: YamlPath) -> None:
        self._part = part
        given = document.value_at(path).get("with", {})
        self._sources: dict[str, tuple[Document, YamlPath]] = {}
        for name in part.parameters:
            if name in given:
                self._sources[name] = (document, (*path, "with", name))
            else:
                self._sources[name] = (part.document, ("parameters", name, "default"))

    def __call__(self, path: YamlPath, text: str) -> Substitution | None:
        """Return the replacement for a text of the part; None for a text without parameters."""
        del path
        match = _PARAMETER.fullmatch(text)
        if match:
            document, at = self._sources[match[1]]
            # Problems of a default are reported in the part, those of a given value where it is given.
            return Substitution(document.value_at(at), document if document is not self._part.document else None, at)
        if not _PARAMETER.search(text):
            return None
        result = _PARAMETER.sub(lambda match: self._format_value(match[1]), text)
        return Substitution(result, back=lambda offset: self._map_offset(text, offset))

    def _format_value(self, name: str) -> str:
        document, at = self._sources[name]
        value = document.value_at(at)
        if isinstance(value, list):
            return "|".join(map(str, value))
        return "" if value is None else {True: "true", False: "false"}.get(value, str(value))

    def _map_offset(self, text: str, offset: int) -> int:
        """Return the offset in the text for one in the result; within a value, that of the parameter."""
        shift = 0
        for match in _PARAMETER.finditer(text):
            start = match.start() + shift
            if offset < start:
                break
            length = len(self._format_value(match[1]))
            if offset < start + length:
                return match.start()
            shift += length - len(match[0])
        return offset - shift


def _check_defaults(document: Document) -> Iterator[Problem]:
    """Yield the problems of defaults that do not have the declared type."""
    for name, declared in (document.data.get("parameters") or {}).items():
        at = ("parameters", name, "default")
        if declared.get("default") is not None:
            yield from Schema(_parameter_schema(declared)).find_problems(extract_subdocument(document, at))


def _find_unknown_parameters(document: Document) -> Iterator[Problem]:
    """Yield a problem for each undeclared parameter in a part's panels."""
    declared = document.data.get("parameters") or {}
    for path in document.values:
        value = document.value_at(path)
        if path[0:1] not in (("panels",), ("row",)) or not isinstance(value, str):
            continue
        for match in _PARAMETER.finditer(value):
            if match[1] not in declared:
                hint = did_you_mean(match[1], declared) or "declare it under parameters:"
                place = document.place_in_text(path, match.start())
                yield Problem(place, f"the part has no parameter {match[1]}", hint)
