"""Parts: panels and rows that dashboards take over by `use:`, one file each, with parameters.

A text that is `${name}` and nothing else becomes the parameter's value, with its type; in a longer text it is written
in. Grafana's own variables stay what they are: `$name`, and `${__name}`.
"""

from __future__ import annotations

import copy
import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins, yaml_file
from deckwatch.core.copy_with_places import Substitution, extract_subdocument
from deckwatch.core.problems import InvalidInput, Problem, did_you_mean
from deckwatch.core.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath

SHIPPED = Path(__file__).parents[1] / "parts"
SCHEMA = Path(__file__).parents[1] / "part.schema.yaml"
_PARAMETER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*)\}")
_TYPES: dict[str, dict[str, Any]] = {
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
    """One part. `subjects` are those whose signals may go by their short names in it."""

    name: str
    document: Document
    subjects: tuple[str, ...]

    @property
    def takes(self) -> Mapping[str, Mapping[str, Any]]:
        """Its parameters by name."""
        takes: Mapping[str, Mapping[str, Any]] = self.document.data.get("parameters") or {}
        return takes

    def row(self) -> dict[str, Any]:
        """Return the options of its row, empty if the part has only panels."""
        return {key: self.document.data[key] for key in ROW if key in self.document.data}


ROW = ("row", "height", "collapsed", "needs")


@dataclass
class Parts:
    """The shipped parts and a project's own, which replace shipped ones of the same name. Files are read when used.

    Names of `files` are those that `use:` has, `postgres/connections`; `called` is how messages call a file.
    """

    files: dict[str, tuple[Path, str]]
    problems: list[Problem] = field(default_factory=list)
    _read: dict[str, Part | None] = field(default_factory=dict)

    def find(self, name: str) -> Part | None:
        """Return a part; None for an unknown one, and for a faulty one, whose faults are added to `problems`."""
        if name not in self._read:
            self._read[name] = self._load(name) if name in self.files else None
        return self._read[name]

    def _load(self, name: str) -> Part | None:
        path, called = self.files[name]
        try:
            document = yaml_file.read_yaml(path, called)
        except InvalidInput as error:
            self.problems += error.problems
            return None
        wrong = [*_load_schema().find_problems(document)]
        if not wrong:
            wrong = [*_check_defaults(document), *_find_unknown_parameters(document)]
        self.problems += wrong
        steps = [part.replace("-", "_").lower() for part in name.split("/")]
        return None if wrong else Part(name, document, tuple(dict.fromkeys(reversed(steps))))


def assemble_schema(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a part's file, derived from that of dashboards: any value may be `${name}`."""
    result: dict[str, Any] = yaml_file.read_yaml(SCHEMA).data
    definitions = copy.deepcopy(dict(dashboard["$defs"]))
    for name, one in definitions.items():
        if name.startswith("panel_"):
            one["properties"] = {key: _allow_parameter(value) for key, value in one["properties"].items()}
    result["$defs"] |= definitions
    result["properties"]["panels"]["items"] = {"$ref": "#/$defs/panel"}
    result["properties"]["signals"] = dashboard["properties"]["signals"]
    return {"$schema": dashboard["$schema"], **result}


def _allow_parameter(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that may be `${name}` instead."""
    whole = {"type": "string", "pattern": f"^{_PARAMETER.pattern}$"}
    return {"description": schema.get("description", ""), "if": whole, "else": schema}


@functools.cache
def _load_schema() -> Schema:
    return Schema(yaml_file.read_yaml(SCHEMA).data)


def list_parts(own: Path | None = None, base: Path | None = None) -> Parts:
    """Return the parts in our and the project's folder; messages name the project's by their path from `base`."""
    files = {_part_name(path, SHIPPED): (path, str(path)) for path in plugins.list_files(SHIPPED, ".yaml")}
    if own is not None:
        for path in plugins.list_files(own, ".yaml") + plugins.list_files(own, ".yml"):
            called = str(path.relative_to(base)) if base is not None else str(path)
            files[_part_name(path, own)] = (path, called)
    return Parts(files)


def _part_name(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


def find_use_problems(part: Part, document: Document, path: YamlPath) -> list[Problem]:
    """Return problems of the `with:` of a use at `path`: unknown and missing parameters, wrong types."""
    wanted = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _parameter_schema(declared) for name, declared in part.takes.items()},
    }
    at = (*path, "with")
    given = document.value_at(path).get("with", {})
    problems = (
        Schema(wanted).find_problems(extract_subdocument(document, at)) if "with" in document.value_at(path) else []
    )
    if isinstance(given, dict) and not any(one.message.startswith("unknown key") for one in problems):
        missing = [name for name, declared in part.takes.items() if "default" not in declared and name not in given]
        place = document.place(at if given else (*path, "use"), key=True)
        for name in missing:
            message = f"{part.name} needs {name}"
            problems.append(Problem(place, message, part.takes[name]["description"].rstrip(".")))
    return problems


def _parameter_schema(declared: Mapping[str, Any]) -> dict[str, Any]:
    known = {"enum": declared["of"]} if "of" in declared else {}
    return _TYPES[declared["type"]] | known


class Values:
    """Substitutes the parameters of a use in the texts of a part, for `copy_with_places`."""

    def __init__(self, part: Part, document: Document, path: YamlPath) -> None:
        self._part = part
        given = document.value_at(path).get("with", {})
        self._found: dict[str, tuple[Document, YamlPath]] = {}
        for name in part.takes:
            if name in given:
                self._found[name] = (document, (*path, "with", name))
            else:
                self._found[name] = (part.document, ("parameters", name, "default"))

    def __call__(self, path: YamlPath, text: str) -> Substitution | None:
        """Return the substitution for a text of the part, None if it names no parameter."""
        del path
        whole = _PARAMETER.fullmatch(text)
        if whole:
            document, at = self._found[whole[1]]
            # A default has its position in the part, an argument that of the use.
            return Substitution(document.value_at(at), document if document is not self._part.document else None, at)
        if not _PARAMETER.search(text):
            return None
        written = _PARAMETER.sub(lambda found: self._format_value(found[1]), text)
        return Substitution(written, back=lambda offset: self._map_offset(text, offset))

    def _format_value(self, name: str) -> str:
        document, at = self._found[name]
        value = document.value_at(at)
        if isinstance(value, list):
            return "|".join(map(str, value))
        return "" if value is None else {True: "true", False: "false"}.get(value, str(value))

    def _map_offset(self, text: str, offset: int) -> int:
        """Map an offset in the substituted text to the original; inside a value, it is that of the parameter."""
        shift = 0
        for found in _PARAMETER.finditer(text):
            start = found.start() + shift
            if offset < start:
                break
            length = len(self._format_value(found[1]))
            if offset < start + length:
                return found.start()
            shift += length - len(found[0])
        return offset - shift


def _check_defaults(document: Document) -> Iterator[Problem]:
    """Yield problems of defaults whose type is not the declared one."""
    for name, declared in (document.data.get("parameters") or {}).items():
        at = ("parameters", name, "default")
        if declared.get("default") is not None:
            yield from Schema(_parameter_schema(declared)).find_problems(extract_subdocument(document, at))


def _find_unknown_parameters(document: Document) -> Iterator[Problem]:
    """Yield the parameters in a part's panels that it does not declare."""
    takes = document.data.get("parameters") or {}
    for path in document.values:
        value = document.value_at(path)
        if path[0:1] not in (("panels",), ("row",)) or not isinstance(value, str):
            continue
        for found in _PARAMETER.finditer(value):
            if found[1] not in takes:
                hint = did_you_mean(found[1], takes) or "what it takes is declared under parameters:"
                place = document.place_in_text(path, found.start())
                yield Problem(place, f"the part takes no {found[1]}", hint)
