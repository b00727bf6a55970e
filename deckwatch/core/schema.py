"""Validate a document against a JSON Schema (draft 2020-12), with positions and the nearest valid word.

Schemas use if/then per keyword and never `oneOf`, whose only message is "not valid under any".
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from deckwatch.core.harmless_values import HarmlessValues
from deckwatch.core.masking import mask_address, mask_file_name, mask_if_address
from deckwatch.core.problems import Problem, did_you_mean, nearest_word

if TYPE_CHECKING:
    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Document, Path

_TYPES = {
    "object": "a mapping (key: value)",
    "array": "a list",
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}

# Keywords of all files of users, by their former name. A former name is unknown, and its hint names the new one, with
# which `deckwatch upgrade-project` replaces it. A new name with a dot is a path from the top of the file; one that ends
# with a dot is a whole mapping that moved there.
RENAMED_KEYS = {
    "abreast": "per_row",
    "addresses": "addresses.",
    "ask": "query_type",
    "below": "negative_y",
    "every": "min_interval",
    "figures": "text_size",
    "grafana": "addresses.grafana",
    "grafana_url": "addresses.grafana",
    "most": "limit",
    "most_points": "max_points",
    "nothing": "no_data_text",
    "runbooks": "addresses.runbooks",
    "sources": "data_sources",
    "tab": "new_tab",
    "take": "calculate",
    "takes": "parameters",
    "turn": "transpose",
    "wait": "timeout",
    "written": "show",
}


class Schema:
    """A compiled JSON Schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self._validator = jsonschema_rs.Draft202012Validator(schema)
        self._harmless = HarmlessValues(schema)

    def find_problems(self, document: Document) -> list[Problem]:
        """Return all problems of a document's structure, ordered by line."""
        return sorted(self.problems_by_path(document).values(), key=lambda problem: (problem.place, problem.message))

    def problems_by_path(self, document: Document) -> dict[Path, Problem]:
        """Return the same problems by the path of the invalid value."""
        problems: dict[Path, Problem] = {}
        errors: list[Any] = list(self._validator.iter_errors(document.data))
        unknown = {
            (tuple(error.instance_path), word)
            for error in errors
            if error.kind.name in ("additionalProperties", "unevaluatedProperties")
            for word in error.kind.unexpected
        }
        for error in errors:
            if error.kind.name == "required" and self._is_misspelt(error, unknown):
                continue
            for path, problem in self._explain_error(document, error):
                problems.setdefault(path, problem)
        return problems

    def _is_misspelt(self, error: Any, unknown: set[tuple[Path, str]]) -> bool:
        """Return whether a missing key is present under a misspelled name, which is reported already.

        A key required by a branch (`silent` if there is no `fires`) is not missing if `fire` is a misspelling.
        """
        required = str(error.kind.as_dict().get("property"))
        here = [word for path, word in unknown if path == tuple(error.instance_path)]
        if nearest_word(required, here) is not None or required in map(RENAMED_KEYS.get, here):
            return True
        steps = list(error.schema_path)
        if not here or not {"then", "else"} & set(steps):
            return False
        outer = next(i for i, step in enumerate(steps) if step in ("then", "else"))
        free = set(self._schema_at(steps[:outer]).get("properties", {})) - set(error.instance)
        return any(nearest_word(word, free) is not None for word in here)

    def _explain_error(self, document: Document, error: Any) -> list[tuple[Path, Problem]]:
        path = _instance_path(document.data, error)
        kind = error.kind.name
        if kind in ("additionalProperties", "unevaluatedProperties"):
            known = self._allowed_keys(error)
            return [
                ((*path, word), self._unknown_key(document, (*path, word), known)) for word in error.kind.unexpected
            ]
        if kind == "propertyNames":
            inner = error.kind.as_dict()["error"]
            named = (*path, inner.instance)
            sentence = self._error_sentence(inner, list(error.schema_path), _show_value(inner.instance))
            return [(named, document.problem(named, *sentence, key=True))]
        shown = self._show_harmless(document, path, error.instance)
        if kind == "type" and error.instance is None and _is_comment(document.text, place := document.place(path)):
            hint = "quote text that contains #"
            return [(path, Problem(place, self._error_sentence(error, list(error.schema_path), shown)[0], hint))]
        if not shown or isinstance(error.instance, dict | list):
            error = self._masked_error(document, error)
        if kind == "falseSchema":
            word = str(path[-1]) if path else ""
            return [(path, document.problem(path, f"{word} is not allowed here", key=True))]
        return [(path, document.problem(path, *self._error_sentence(error, list(error.schema_path), shown)))]

    def _masked_error(self, document: Document, error: Any) -> Any:
        """Return the same error, whose own message does not repeat the value."""
        masked = jsonschema_rs.Draft202012Validator(self.schema, mask="this value").iter_errors(document.data)
        here = (list(error.instance_path), list(error.schema_path))
        return next(other for other in masked if (list(other.instance_path), list(other.schema_path)) == here)

    def _show_harmless(self, document: Document, path: Path, value: Any) -> str:
        """Return a value for a message; '' if it may be a secret."""
        if path in document.substituted:
            return ""
        visibility = self._harmless.classify_path(document.data, path)
        if visibility == "masked":
            return "" if isinstance(value, str | int | float) else _show_value(value)
        masks = {"shown": mask_if_address, "address": mask_address, "file": mask_file_name}
        return _show_value(masks[visibility](value) if isinstance(value, str) else value)

    def _error_sentence(self, error: Any, schema_path: list[Any], shown: str) -> tuple[str, str]:
        """Return message and hint; `shown` is the value for the message, '' if it may be a secret."""
        value, kind = error.instance, error.kind.name
        if kind == "type":
            types = error.kind.as_dict().get("types") or error.kind.as_dict().get("type") or []
            names = [types] if isinstance(types, str) else list(types)
            expected = " or ".join(_TYPES.get(name, name) for name in names)
            if "object" not in names:  # the title of a mapping is for editors and does not fit into the sentence
                expected = self._schema_at(schema_path[:-1]).get("title", expected)
            return f"expected {expected}, not {shown or _describe_type(value)}", ""
        if kind == "enum":
            options = [str(option) for option in error.kind.options]
            return f"unknown value {shown}".rstrip(), did_you_mean(str(value), options)
        if kind == "required":
            return f"{error.kind.as_dict().get('property')} is missing", ""
        if kind == "pattern":
            schema = self._schema_at(schema_path[:-1])
            return (
                f"{shown or 'this value'} is not {schema.get('title', 'of the form ' + str(schema.get('pattern')))}",
                "",
            )
        if kind in ("minItems", "minLength", "minProperties") and not value:
            return "must not be empty", ""
        return error.message, ""

    def _allowed_keys(self, error: Any) -> list[str]:
        """Return the keys that the schema at an error allows, including its branches."""
        schema = self._schema_at(list(error.schema_path)[:-1])
        known = list(schema.get("properties", {}))
        for branch in schema.get("allOf", []):
            known += list(branch.get("then", {}).get("properties", {}))
            known += list(branch.get("properties", {}))
        return [word for word in dict.fromkeys(known) if word]

    def _unknown_key(self, document: Document, path: Path, known: list[str]) -> Problem:
        """Return the problem of an unknown key, with its new name if it was renamed, else the nearest known key."""
        word = str(path[-1])
        new_name = self._find_new_name(word, known)
        first, _, last = new_name.partition(".")
        hint = f"{word} was renamed to {new_name}" if new_name else did_you_mean(word, known)
        if first != new_name:
            hint = f"{word} moved to the top of the file" + (f", as `{first}: {{{last}: ...}}`" if last else "")
        return replace(document.problem(path, f"unknown key {word}", hint, key=True), new_name=new_name)

    def _find_new_name(self, word: str, known: list[str]) -> str:
        """Return the entry of RENAMED_KEYS for an unknown key, '' if it does not apply here."""
        renamed = RENAMED_KEYS.get(word, "")
        first, dot, _ = renamed.partition(".")
        return renamed if renamed in known or (dot and first in self.schema.get("properties", {})) else ""

    def _schema_at(self, path: list[Any]) -> dict[str, Any]:
        schema: Any = self.schema
        for step in path:
            if isinstance(schema, dict) and "$ref" in schema and step not in schema:
                schema = self._resolve_reference(schema["$ref"])
            if step == "$ref":
                schema = self._resolve_reference(schema["$ref"])
                continue
            schema = schema[step]
        if "$ref" in schema:
            schema = self._resolve_reference(schema["$ref"])
        return schema  # type: ignore[no-any-return]

    def _resolve_reference(self, reference: str) -> Any:
        schema: Any = self.schema
        for step in reference.removeprefix("#/").split("/"):
            schema = schema[step.replace("~1", "/").replace("~0", "~")]
        return schema


def _instance_path(data: Any, error: Any) -> Path:
    """Return the path of an invalid value; jsonschema_rs makes a number of a key that looks like one, `01` too."""
    path: list[str | int] = []
    for step in error.instance_path:
        if isinstance(data, dict) and step not in data:
            step = next(key for key in data if key.removeprefix("+").isdecimal() and int(key) == step)  # noqa: PLW2901
        path.append(step)
        data = data[step]
    return tuple(path)


def _is_comment(text: str, place: Place) -> bool:
    """Return whether the text at a position starts with # and no space: probably a value rather than a comment."""
    return re.match(r"\s*#\S", text.split("\n")[place.line - 1][place.column - 1 :]) is not None


def _describe_type(value: Any) -> str:
    """Return a value's type, where the value is not shown."""
    return "a string" if isinstance(value, str) else "a number"


def _show_value(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    return repr(value) if isinstance(value, str) else str(value).lower()
