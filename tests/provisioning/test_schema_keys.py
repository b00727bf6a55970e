"""Every key of our YAML is listed with an example that is valid by its schema."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from deckwatch.core import yaml_file
from deckwatch.provisioning import reference
from deckwatch.provisioning.schema_keys import to_inline_yaml

PAGES = reference.key_sections()
SCHEMAS = {kind: schema for kind, (schema, _) in PAGES.items()}
KEYS = [(kind, one.name, key) for kind, (_, sections) in PAGES.items() for one in sections for key in one.keys]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_key_has_a_description_and_a_valid_example(kind) -> None:
    keys = [(section, key) for page, section, key in KEYS if page == kind]
    assert keys
    assert [f"{section}: {key.path}" for section, key in keys if key.example is None] == []
    assert [f"{section}: {key.path}" for section, key in keys if not key.description] == []
    examples = [(f"{section}: {key.path}", key.schema, key.example) for section, key in keys]
    assert list_faults(SCHEMAS[kind], examples) == []


def list_faults(page, examples):
    """Return the errors of (name, schema, example), validated as one object: compiling the definitions takes long."""
    properties = {str(i): schema for i, (_, schema, _) in enumerate(examples)}
    validator = jsonschema_rs.Draft202012Validator({"properties": properties, "$defs": page.get("$defs", {})})
    errors = validator.iter_errors({str(i): example for i, (_, _, example) in enumerate(examples)})
    return [f"{examples[int(error.instance_path[0])][0]}: {error.message}" for error in errors]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_all_examples_in_the_schemas_are_valid(kind) -> None:
    """Including those that no page shows: editors offer them."""

    def examples(schema):
        if isinstance(schema, dict):
            if isinstance(schema.get("examples"), list):
                yield from ((str(example), schema, example) for example in schema["examples"])
            for value in schema.values():
                yield from examples(value)
        elif isinstance(schema, list):
            for value in schema:
                yield from examples(value)

    found = list(examples(SCHEMAS[kind]))
    assert found
    assert list_faults(SCHEMAS[kind], found) == []


def test_inline_yaml_reads_back() -> None:
    for _, _, key in KEYS:
        read = yaml_file.parse_yaml(f"key: {to_inline_yaml(key.example)}\n", "x.yaml").data["key"]
        assert read == json.loads(json.dumps(key.example)), key.path


def test_every_key_is_on_its_page() -> None:
    pages = {page.path: page.text for page in reference.build_pages()}
    for kind, _, key in KEYS:
        assert f"| `{key.path}` |" in pages[f"{kind}.md"], (kind, key.path)


def test_no_key_of_a_schema_is_forgotten() -> None:
    """Everything under `properties` is a key in some section."""

    def properties(schema):
        if isinstance(schema, dict):
            for name, value in schema.items():
                if name == "properties" and isinstance(value, dict):
                    yield from (key for key, child in value.items() if isinstance(child, dict))
                if name != "examples":
                    yield from properties(value)
        elif isinstance(schema, list):
            for value in schema:
                yield from properties(value)

    listed = {key.path for _, _, key in KEYS}
    listed |= {path.rpartition(".")[2] for path in listed} | {path.partition(".")[2] for path in listed}
    for kind, schema in SCHEMAS.items():
        assert set(properties(schema)) - listed == set(), kind
