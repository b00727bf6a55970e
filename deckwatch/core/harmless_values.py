"""Decide from a JSON Schema which values of a document may be printed.

A value is harmless if its key is declared with the type of a name, text, number, duration, expression and so on.
Everything else is not: values under unknown keys (most often misspelt ones), below free-form objects, and of another
type. A schema's annotations narrow this: `writeOnly` is a secret, `format: uri` an address whose user and query are not
printed, and `format: secret-file` the name of a file with a secret, in whose place people write the secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.yaml_file import Path

SchemaObject = dict[str, Any]
Visibility = Literal["shown", "address", "file", "masked"]

_SCALARS = frozenset(("string", "number", "integer", "boolean"))
_LIMITS = ("enum", "const", "pattern", "format", "title")
_FORMATS: dict[str, Visibility] = {"uri": "address", "secret-file": "file"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a schema says about one value: all of `schemas` apply, none to an unknown key.

    `user_named` means that its key is a name of the user's: the schema allows any.
    """

    schemas: tuple[SchemaObject, ...]
    user_named: bool = False


class HarmlessValues:
    """Looks values up in one JSON Schema."""

    def __init__(self, schema: SchemaObject) -> None:
        self._schema = schema
        self._conditions: dict[int, Any] = {}

    @property
    def root(self) -> Declaration:
        """The declaration of a whole document."""
        return Declaration((self._schema,))

    @property
    def top_level_keys(self) -> frozenset[str]:
        """The declared keys of a whole document."""
        return frozenset(self._schema.get("properties", {}))

    def classify_path(self, data: Any, path: Path) -> Visibility:
        """Return how the value at a path of a document may be printed."""
        declaration = self.root
        for step in path:
            declaration = self.find_child(declaration, data, step)
            data = data[step]
        return self.classify(declaration, data)

    def find_child(self, parent: Declaration, value: Any, step: str | int) -> Declaration:
        """Return the declaration of a key's value or of a list's item; `value` is the mapping or list."""
        applicable = list(self._expand_declaration(parent, value))
        if isinstance(step, int):
            items = (schema.get("items") for schema in applicable)
            return Declaration(tuple(item for item in items if isinstance(item, dict)), parent.user_named)
        declared = [schema["properties"][step] for schema in applicable if step in schema.get("properties", {})]
        if declared:
            known = tuple(schema for schema in declared if isinstance(schema, dict))
            return Declaration(() if False in declared else known)
        free = tuple(extra for schema in applicable for extra in _user_named_values(schema, step))
        return Declaration(free, user_named=True)

    def classify(self, declaration: Declaration, value: Any) -> Visibility:
        """Return how a value of a declaration may be printed."""
        if value is None:
            return "shown"
        schemas = list(self._expand_declaration(declaration, value))
        scalars = [schema for schema in schemas if _allows_scalar(schema)]
        if not scalars or any(schema.get("writeOnly") for schema in schemas):
            return "masked"
        if (
            declaration.user_named
            and isinstance(value, str)
            and not any(word in s for s in scalars for word in _LIMITS)
        ):
            return "masked"
        formats = (_FORMATS.get(schema.get("format", "")) for schema in schemas)
        return next(filter(None, formats), "shown")

    def classify_names(self) -> dict[str, Visibility]:
        """Return how the values of declared keys may be printed wherever they are, for text that is not valid YAML."""
        result: dict[str, Visibility] = {}
        for name, schema in _iter_properties(self._schema):
            visibility = self.classify(Declaration((schema,)), "")
            if result.setdefault(name, visibility) != visibility:
                result[name] = "masked"
        return result

    def _expand_declaration(self, declaration: Declaration, value: Any) -> Iterator[SchemaObject]:
        for schema in declaration.schemas:
            yield from self._expand_schema(schema, value)

    def _expand_schema(self, schema: Any, value: Any) -> Iterator[SchemaObject]:
        """Yield a schema and all that it refers to and that apply to a value."""
        if not isinstance(schema, dict):
            return
        yield schema
        if "$ref" in schema:
            yield from self._expand_schema(self._resolve_reference(schema["$ref"]), value)
        for word in ("allOf", "anyOf", "oneOf"):
            for branch in schema.get(word, ()):
                yield from self._expand_schema(branch, value)
        if "if" in schema:
            branch = "then" if self._condition_holds(schema["if"], value) else "else"
            yield from self._expand_schema(schema.get(branch), value)

    def _condition_holds(self, condition: SchemaObject, value: Any) -> bool:
        import jsonschema_rs  # noqa: PLC0415 - 8 MB that commands without a user's file do not need

        if id(condition) not in self._conditions:
            definitions = {"$defs": self._schema.get("$defs", {})}
            self._conditions[id(condition)] = jsonschema_rs.Draft202012Validator(condition | definitions)
        return bool(self._conditions[id(condition)].is_valid(value))

    def _resolve_reference(self, reference: str) -> Any:
        schema: Any = self._schema
        for step in reference.removeprefix("#/").split("/"):
            schema = schema[step.replace("~1", "/").replace("~0", "~")]
        return schema


def _user_named_values(schema: Mapping[str, Any], key: str) -> Iterator[SchemaObject]:
    """Yield the schemas of the values of keys that the user chooses."""
    for pattern, value in schema.get("patternProperties", {}).items():
        if re.search(pattern, key) and isinstance(value, dict):
            yield value
    if isinstance(extra := schema.get("additionalProperties"), dict):
        yield extra


def _allows_scalar(schema: Mapping[str, Any]) -> bool:
    types = schema.get("type", ())
    return bool(_SCALARS & {*([types] if isinstance(types, str) else types)}) or "enum" in schema or "const" in schema


def _iter_properties(schema: Any) -> Iterator[tuple[str, SchemaObject]]:
    """Yield every declared key of a schema with the schema of its value."""
    children = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    if isinstance(schema, dict) and isinstance(properties := schema.get("properties"), dict):
        yield from ((name, value) for name, value in properties.items() if isinstance(value, dict))
    for child in children:
        yield from _iter_properties(child)
