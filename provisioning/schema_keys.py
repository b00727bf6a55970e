"""Every key of our YAML with an example, read from the schemas: the content of the reference in docs/.

An example is the first of `examples:`, else what the schema fixes (a constant, a default, the first word of a list,
`true`) or what its description names (`such as 5m`). A mapping's example has its required keys, a list's one item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, Any]

_SUCH_AS = re.compile(r'such as (?:"([^"]+)"|(\S+))')
_TYPE_NAMES = {"object": "mapping", "string": "text", "array": "list", "boolean": "true or false"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its path such as `hosts[].name`, its form, description and schema.

    `example` is None where the schema neither has nor implies one.
    """

    path: str
    form: str
    description: str
    schema: Schema
    example: Any


@dataclass(frozen=True, slots=True)
class Section:
    """The keys of one kind of mapping: of the whole file (name '') or of a referenced definition."""

    name: str
    description: str
    keys: tuple[Key, ...]


class SchemaKeys:
    """The keys of one schema. Each definition is a section, listed once however often it is referenced."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._queue: list[str] = []
        self._known: set[str] = set()

    def iter_sections(self) -> Iterator[Section]:
        """Yield the sections, that of the whole file first."""
        yield Section("", self.schema.get("description", ""), tuple(self._iter_keys(self.schema, "")))
        while self._queue:
            name = self._queue.pop(0)
            definition = self.schema["$defs"][name]
            if keys := tuple(self._iter_keys(definition, "")):
                yield Section(name, definition.get("description", ""), keys)

    def _iter_keys(self, schema: Schema, prefix: str) -> Iterator[Key]:
        """Yield the keys of a schema and of the schemas inside it; referenced definitions are queued as sections."""
        if reference := schema.get("$ref"):
            name = reference.rpartition("/")[2]
            if name not in self._known:
                self._known.add(name)
                self._queue.append(name)
        for name, value in schema.get("properties", {}).items():
            if isinstance(value, dict) and (value or "properties" not in schema):
                description = self.resolve_schema(value).get("description", "")
                yield Key(prefix + name, self.describe_form(value), description, value, self.make_example(value))
                yield from self._iter_keys(value, f"{prefix}{name}.")
        for branch in _iter_branches(schema):
            yield from self._iter_keys(branch, prefix)
        if isinstance(schema.get("items"), dict):
            yield from self._iter_keys(schema["items"], prefix.removesuffix(".") + "[]." if prefix else "[].")
        if isinstance(extra := schema.get("additionalProperties"), dict):
            yield from self._iter_keys(extra, prefix + "NAME.")

    def resolve_schema(self, schema: Schema) -> Schema:
        """Return a schema merged with the definition it references; its own words override the definition's."""
        reference = schema.get("$ref", "")
        if not reference:
            return schema
        definition = self.schema["$defs"][reference.rpartition("/")[2]]
        return {**self.resolve_schema(definition), **schema, "$ref": ""}

    def describe_form(self, schema: Schema) -> str:
        """Return the form of a value in words, such as `list of text`."""
        reference = schema.get("$ref", "").rpartition("/")[2]
        schema = self.resolve_schema(schema)
        if "enum" in schema:
            return ", ".join(_yaml_word(option) for option in schema["enum"])
        if "const" in schema:
            return _yaml_word(schema["const"])
        if schema.get("type") == "array":
            return f"list of {self.describe_form(schema.get('items', {})) or 'any value'}"
        kind = schema.get("title") or schema.get("type") or reference.replace("_", " ")
        return " or ".join(_TYPE_NAMES.get(name, name) for name in ([kind] if isinstance(kind, str) else kind))

    def make_example(self, schema: Schema) -> Any:
        """Return an example of a value; None where there is none."""
        schema = self.resolve_schema(schema)
        for word in ("examples", "enum"):
            if schema.get(word):
                return schema[word][0]
        for word in ("const", "default"):
            if word in schema and schema[word] is not None:
                return schema[word]
        types = schema.get("type", ())
        types = [types] if isinstance(types, str) else list(types)
        description = f"{schema.get('title', '')} {schema.get('description', '')}"
        if "string" in types and (match := _SUCH_AS.search(description)):
            return match[1] or match[2].rstrip(".,;:)")
        if "boolean" in types:
            return True
        if "array" in types and "items" in schema:
            item = self.make_example(schema["items"])
            return None if item is None else [item]
        return self._mapping_example(schema) if "object" in types or "properties" in schema else None

    def _mapping_example(self, schema: Schema) -> Any:
        properties: Mapping[str, Any] = schema.get("properties", {})
        names = schema.get("required") or list(properties)[:1]
        if not names:
            return None
        example = {name: self.make_example(properties[name]) for name in names if name in properties}
        return None if None in example.values() else example


def to_inline_yaml(value: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1 << 30, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _iter_branches(schema: Schema) -> Iterator[Schema]:
    for word in ("then", "else"):
        if isinstance(schema.get(word), dict):
            yield schema[word]
    for branch in schema.get("allOf", ()):
        yield from _iter_branches(branch)


def _yaml_word(value: Any) -> str:
    return (
        {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
    )
