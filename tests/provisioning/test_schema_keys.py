"""Every key of our YAML is told with an example, and each example is right by the schema that it stands in."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from deckwatch.core import yaml_file
from deckwatch.provisioning import reference
from deckwatch.provisioning.schema_keys import to_inline_yaml

TOLD = reference.key_sections()
SCHEMAS = {kind: schema for kind, (schema, _) in TOLD.items()}
KEYS = [(kind, one.name, key) for kind, (_, sections) in TOLD.items() for one in sections for key in one.keys]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_key_has_a_meaning_and_a_right_example(kind) -> None:
    mine = [(section, key) for one, section, key in KEYS if one == kind]
    assert mine
    assert [f"{section}: {key.path}" for section, key in mine if key.example is None] == []
    assert [f"{section}: {key.path}" for section, key in mine if not key.description] == []
    definitions = SCHEMAS[kind].get("$defs", {})
    wrong = []
    for section, key in mine:
        validator = jsonschema_rs.Draft202012Validator({**key.schema, "$defs": definitions})
        wrong += [f"{section}: {key.path}: {error.message}" for error in validator.iter_errors(key.example)]
    assert wrong == []


def test_all_examples_of_the_schemas_are_right() -> None:
    """Also those that no page shows: an editor offers them."""

    def faults(one, definitions):
        if isinstance(one, dict):
            if isinstance(one.get("examples"), list):
                validator = jsonschema_rs.Draft202012Validator({**one, "$defs": definitions})
                yield from (
                    f"{example}: {e.message}" for example in one["examples"] for e in validator.iter_errors(example)
                )
            for value in one.values():
                yield from faults(value, definitions)
        elif isinstance(one, list):
            for value in one:
                yield from faults(value, definitions)

    assert [fault for schema in SCHEMAS.values() for fault in faults(schema, schema.get("$defs", {}))] == []


def test_what_is_written_reads_back() -> None:
    for _, _, key in KEYS:
        read = yaml_file.parse_yaml(f"key: {to_inline_yaml(key.example)}\n", "x.yaml").data["key"]
        assert read == json.loads(json.dumps(key.example)), key.path


def test_every_key_stands_on_its_page() -> None:
    pages = {page.path: page.text for page in reference.build_pages()}
    for kind, _, key in KEYS:
        assert f"| `{key.path}` |" in pages[f"{kind}.md"], (kind, key.path)


def test_no_key_of_a_schema_is_forgotten() -> None:
    """What stands under `properties` anywhere is a key that some section tells."""

    def properties(one):
        if isinstance(one, dict):
            for name, value in one.items():
                if name == "properties" and isinstance(value, dict):
                    yield from (key for key, said in value.items() if isinstance(said, dict))
                if name != "examples":
                    yield from properties(value)
        elif isinstance(one, list):
            for value in one:
                yield from properties(value)

    told = {key.path for _, _, key in KEYS}
    told |= {path.rpartition(".")[2] for path in told} | {path.partition(".")[2] for path in told}
    for kind, schema in SCHEMAS.items():
        assert set(properties(schema)) - told == set(), kind
