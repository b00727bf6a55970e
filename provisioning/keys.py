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


class Keys:
    """The keys of one schema. What is defined by itself is a section, and told once, however often it is used."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._waiting: list[str] = []
        self._known: set[str] = set()

    def sections(self) -> Iterator[Section]:
        """Yield the sections, that of the whole file first."""
        yield Section("", self.schema.get("description", ""), tuple(self._of(self.schema, "")))
        while self._waiting:
            name = self._waiting.pop(0)
            one = self.schema["$defs"][name]
            if keys := tuple(self._of(one, "")):
                yield Section(name, one.get("description", ""), keys)

    def _of(self, one: Schema, prefix: str) -> Iterator[Key]:
        """Yield the keys of a schema and of what is written inside it; what it refers to waits for its own section."""
        if reference := one.get("$ref"):
            name = reference.rpartition("/")[2]
            if name not in self._known:
                self._known.add(name)
                self._waiting.append(name)
        for name, value in one.get("properties", {}).items():
            if isinstance(value, dict) and (value or "properties" not in one):
                said = self.resolved(value)
                yield Key(prefix + name, self.form(value), said.get("description", ""), value, self.example(value))
                yield from self._of(value, f"{prefix}{name}.")
        for branch in _branches(one):
            yield from self._of(branch, prefix)
        if isinstance(one.get("items"), dict):
            yield from self._of(one["items"], prefix.removesuffix(".") + "[]." if prefix else "[].")
        if isinstance(extra := one.get("additionalProperties"), dict):
            yield from self._of(extra, prefix + "NAME.")

    def resolved(self, one: Schema) -> Schema:
        """Return a schema with what it refers to; what it says itself comes first."""
        reference = one.get("$ref", "")
        if not reference:
            return one
        return {**self.resolved(self.schema["$defs"][reference.rpartition("/")[2]]), **one, "$ref": ""}

    def form(self, one: Schema) -> str:
        """Return what a value looks like, in words."""
        reference = one.get("$ref", "").rpartition("/")[2]
        one = self.resolved(one)
        if "enum" in one:
            return ", ".join(_word(option) for option in one["enum"])
        if "const" in one:
            return _word(one["const"])
        if one.get("type") == "array":
            return f"list of {self.form(one.get('items', {})) or 'anything'}"
        kind = one.get("title") or one.get("type") or reference.replace("_", " ")
        names = {"object": "mapping", "string": "text", "array": "list", "boolean": "true or false"}
        return " or ".join(names.get(word, word) for word in ([kind] if isinstance(kind, str) else kind))

    def example(self, one: Schema) -> Any:
        """Return an example of a value; None where there is none."""
        said = self.resolved(one)
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
            inner = self.example(said["items"])
            return None if inner is None else [inner]
        return self._mapping(said) if "object" in kinds or "properties" in said else None

    def _mapping(self, said: Schema) -> Any:
        properties: Mapping[str, Any] = said.get("properties", {})
        names = said.get("required") or list(properties)[:1]
        if not names:
            return None
        made = {name: self.example(properties[name]) for name in names if name in properties}
        return None if None in made.values() else made


def written(value: Any) -> str:
    """Return a value as it stands in YAML, on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1 << 30, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _branches(one: Schema) -> Iterator[Schema]:
    for word in ("then", "else"):
        if isinstance(one.get(word), dict):
            yield one[word]
    for branch in one.get("allOf", ()):
        yield from _branches(branch)


def _word(value: Any) -> str:
    return (
        {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
    )
