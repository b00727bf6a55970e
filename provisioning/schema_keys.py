"""Every key of our YAML with an example of it, from the schemas: what the reference in docs/ lists.

An example is what the schema says under `examples:`, else what is fixed there (a constant, a default, the first word of
a list, `true`) or what its sentence names (`such as 5m`); of a mapping it is made of those of its required keys, of a
list of one item's.
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


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its path such as `hosts[].name`, its form, what it means, and its schema.

    `example` is None where the schema gives none, and none can be made.
    """

    path: str
    form: str
    description: str
    schema: Schema
    example: Any


@dataclass(frozen=True, slots=True)
class Section:
    """What stands in one kind of mapping: of the whole file ('') or of a definition that is referred to."""

    name: str
    description: str
    keys: tuple[Key, ...]


class SchemaKeys:
    """The keys of one schema. What is defined by itself is a section, and told once, however often it is used."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._waiting: list[str] = []
        self._known: set[str] = set()

    def iter_sections(self) -> Iterator[Section]:
        """Yield the sections, that of the whole file first."""
        yield Section("", self.schema.get("description", ""), tuple(self._iter_keys(self.schema, "")))
        while self._waiting:
            name = self._waiting.pop(0)
            one = self.schema["$defs"][name]
            if keys := tuple(self._iter_keys(one, "")):
                yield Section(name, one.get("description", ""), keys)

    def _iter_keys(self, one: Schema, prefix: str) -> Iterator[Key]:
        """Yield the keys of a schema and of what is written inside it; what it refers to waits for its own section."""
        if reference := one.get("$ref"):
            name = reference.rpartition("/")[2]
            if name not in self._known:
                self._known.add(name)
                self._waiting.append(name)
        for name, value in one.get("properties", {}).items():
            if isinstance(value, dict) and (value or "properties" not in one):
                said = self.resolve_schema(value)
                yield Key(
                    prefix + name,
                    self.describe_form(value),
                    said.get("description", ""),
                    value,
                    self.make_example(value),
                )
                yield from self._iter_keys(value, f"{prefix}{name}.")
        for branch in _iter_branches(one):
            yield from self._iter_keys(branch, prefix)
        if isinstance(one.get("items"), dict):
            yield from self._iter_keys(one["items"], prefix.removesuffix(".") + "[]." if prefix else "[].")
        if isinstance(extra := one.get("additionalProperties"), dict):
            yield from self._iter_keys(extra, prefix + "NAME.")

    def resolve_schema(self, one: Schema) -> Schema:
        """Return a schema with what it refers to; what it says itself comes first."""
        reference = one.get("$ref", "")
        if not reference:
            return one
        return {**self.resolve_schema(self.schema["$defs"][reference.rpartition("/")[2]]), **one, "$ref": ""}

    def describe_form(self, one: Schema) -> str:
        """Return what a value looks like, in words."""
        reference = one.get("$ref", "").rpartition("/")[2]
        one = self.resolve_schema(one)
        if "enum" in one:
            return ", ".join(_yaml_word(option) for option in one["enum"])
        if "const" in one:
            return _yaml_word(one["const"])
        if one.get("type") == "array":
            return f"list of {self.describe_form(one.get('items', {})) or 'anything'}"
        kind = one.get("title") or one.get("type") or reference.replace("_", " ")
        names = {"object": "mapping", "string": "text", "array": "list", "boolean": "true or false"}
        return " or ".join(names.get(word, word) for word in ([kind] if isinstance(kind, str) else kind))

    def make_example(self, one: Schema) -> Any:
        """Return an example of a value; None where there is none."""
        said = self.resolve_schema(one)
        for word in ("examples", "enum"):
            if said.get(word):
                return said[word][0]
        for word in ("const", "default"):
            if word in said and said[word] is not None:
                return said[word]
        kinds = said.get("type", ())
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        if "string" in kinds and (found := _SUCH_AS.search(f"{said.get('title', '')} {said.get('description', '')}")):
            return found[1] or found[2].rstrip(".,;:)")
        if "boolean" in kinds:
            return True
        if "array" in kinds and "items" in said:
            inner = self.make_example(said["items"])
            return None if inner is None else [inner]
        return self._mapping_example(said) if "object" in kinds or "properties" in said else None

    def _mapping_example(self, said: Schema) -> Any:
        properties: Mapping[str, Any] = said.get("properties", {})
        names = said.get("required") or list(properties)[:1]
        if not names:
            return None
        made = {name: self.make_example(properties[name]) for name in names if name in properties}
        return None if None in made.values() else made


def to_inline_yaml(value: Any) -> str:
    """Return a value as it stands in YAML, on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1 << 30, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _iter_branches(one: Schema) -> Iterator[Schema]:
    for word in ("then", "else"):
        if isinstance(one.get(word), dict):
            yield one[word]
    for branch in one.get("allOf", ()):
        yield from _iter_branches(branch)


def _yaml_word(value: Any) -> str:
    return (
        {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
    )
