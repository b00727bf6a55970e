"""JSON Schema errors as Problems."""

from __future__ import annotations

import pytest

from deckwatch.core.schema import Schema
from deckwatch.core.yaml_file import parse_yaml

SCHEMA = Schema(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["title"],
        "properties": {
            "title": {"type": "string"},
            "width": {"enum": ["half", "full"]},
            "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
            "every": {"type": "string", "pattern": "^[0-9]+s$", "title": "a duration such as 10s"},
        },
        "$defs": {"row": {"type": "object", "additionalProperties": False, "properties": {"stat": {"type": "string"}}}},
    }
)


def list_problems(text: str) -> list[str]:
    return [str(problem) for problem in SCHEMA.find_problems(parse_yaml(text, "x.yaml"))]


def test_a_valid_document_has_no_problems() -> None:
    assert list_problems("title: x\nwidth: half\nrows: [{stat: a}]\nevery: 10s\n") == []


def test_all_problems_have_positions_and_the_nearest_word() -> None:
    assert list_problems("widht: half\nwidth: hafl\nrows:\n  - stat: 5\n  - stta: a\nevery: ten\n") == [
        "x.yaml:1:1: error: title is missing [input]",
        "x.yaml:1:1: error: unknown key widht (did you mean width?) [input]",
        "x.yaml:2:8: error: unknown value 'hafl' (did you mean half?) [input]",
        "x.yaml:4:11: error: expected a string, not 5 [input]",
        "x.yaml:5:5: error: unknown key stta (did you mean stat?) [input]",
        "x.yaml:6:8: error: 'ten' is not a duration such as 10s [input]",
    ]


def test_an_invalid_key_is_reported_at_the_key() -> None:
    name_schema = {"type": "string", "pattern": "^[a-z]+$", "title": "a small word"}
    schema = Schema(
        {"type": "object", "properties": {"x": {"propertyNames": {"$ref": "#/$defs/n"}}}, "$defs": {"n": name_schema}}
    )
    problems = schema.find_problems(parse_yaml("x:\n  ok: 1\n  Bad: 2\n  No: 3\n", "x.yaml"))
    assert [str(problem) for problem in problems] == [
        "x.yaml:3:3: error: 'Bad' is not a small word [input]",
        "x.yaml:4:3: error: 'No' is not a small word [input]",
    ]


def test_a_value_of_the_wrong_type_is_reported_with_the_expected_one() -> None:
    assert list_problems("title: x\nevery: 10\n") == [
        "x.yaml:2:8: error: expected a duration such as 10s, not 10 [input]"
    ]


def test_an_empty_list_has_a_plain_message() -> None:
    schema = Schema({"properties": {"rows": {"type": "array", "minItems": 1}}})
    (problem,) = schema.find_problems(parse_yaml("rows: []\n", "x.yaml"))
    assert str(problem) == "x.yaml:1:7: error: must not be empty [input]"


@pytest.mark.parametrize("key", ["1", "01", "+1", "-1", "1.5", "99999999999999999999"])
def test_a_key_that_looks_like_a_number_has_a_position(key: str) -> None:
    """jsonschema_rs 0.60.3 names the key `01` by the number 1 in the path of an error."""
    schema = Schema({"additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}}})
    [problem] = schema.find_problems(parse_yaml(f'a:\n  "{key}": 3\n', "x.yaml"))
    assert str(problem) == f"x.yaml:2:{len(key) + 7}: error: expected a string, not 3 [input]"
