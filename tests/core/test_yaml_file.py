"""YAML with positions."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core.problems import InvalidInput, Place
from deckwatch.core.yaml_file import parse_scalar, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:30", "22:30"),
        ("010", 10),
        ("on", "on"),
        ("yes", "yes"),
        ("1e3", 1000.0),
        ("0o17", 15),
        ("0x1F", 31),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("-9223372036854775809", -(2.0**63)),
        ("0x10000000000000000", "0x10000000000000000"),
        ("~", None),
        ("", None),
        ("True", True),
        ("1_000", "1_000"),
        ("-.inf", float("-inf")),
        ("2001-12-14", "2001-12-14"),
        ("70%", "70%"),
        ("!!str 5", "5"),
        ("'5'", "5"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert parse_yaml(f"a: {text}", "x.yaml").data == {"a": value}


def test_every_value_and_key_has_a_position() -> None:
    document = parse_yaml("a:\n  - b: 1\n    c: [x, y]\n", "x.yaml")
    assert document.place(("a", 0, "c", 1)) == Place("x.yaml", 3, 12)
    assert document.place(("a", 0, "c"), key=True) == Place("x.yaml", 3, 5)
    assert document.place(("a", 0, "missing")) == Place("x.yaml", 2, 5), "falls back to the nearest parent"


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("a: sum(rate(x[5m]))", "rate"),
        ("a: 'sum(rate(x[5m]))'", "rate"),
        ('a: "sum(rate(x[5m]))"', "rate"),
        ("a: |\n  sum(\n    rate(x[5m])\n  )\n", "rate"),
        ("b:\n  a: |-\n      sum(\n        rate(x))\n", "rate"),
    ],
)
def test_place_in_text_points_to_a_character(text: str, needle: str) -> None:
    document = parse_yaml(text, "x.yaml")
    path = next(path for path, place in document.values.items() if path[-1:] == ("a",) and place)
    value = document.data
    for step in path:
        value = value[step]
    place = document.place_in_text(path, value.index(needle))
    assert text.splitlines()[place.line - 1][place.column - 1 :].startswith(needle)


def test_a_folded_string_falls_back_to_its_start() -> None:
    document = parse_yaml("a: >\n  one\n  two\n", "x.yaml")
    assert document.place_in_text(("a",), 5) == document.place(("a",))


def test_all_duplicate_keys_are_reported_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n[d]: 3\n", "x.yaml")
    assert [(p.place.line, p.place.column) for p in caught.value.problems] == [(2, 1), (3, 11), (4, 1)]


@pytest.mark.parametrize(("text", "line", "column"), [("a: [1\nb: 2\n", 1, 4), ("a: 'x\n", 1, 4), ("\ta: 1", 1, 1)])
def test_a_syntax_error_has_a_position(text: str, line: int, column: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_yaml(text, "x.yaml")
    assert caught.value.problems[0].place == Place("x.yaml", line, column)


def test_aliases_are_resolved_within_a_limit() -> None:
    assert parse_yaml("a: &x [1]\nb: *x\n", "x").data == {"a": [1], "b": [1]}
    bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    with pytest.raises(InvalidInput, match="grow without bound"):
        parse_yaml(bomb, "x")
    with pytest.raises(InvalidInput, match="grow without bound"):
        parse_yaml("a: &a [*a]\n", "x")


def test_an_unreadable_file_is_a_problem(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_yaml(tmp_path / "latin.yaml")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1), _values, min_size=1, max_size=4))
def test_quoted_yaml_is_read_back_and_every_position_points_to_its_key(data: dict) -> None:
    text = yaml.safe_dump(data, default_style='"', allow_unicode=False)
    document = parse_yaml(text, "x.yaml")
    assert document.data.keys() == data.keys()
    lines = text.splitlines()
    for path, place in document.keys.items():
        if len(path) == 1:
            start = lines[place.line - 1][place.column - 1 :]
            assert start[:1] == "?" or start[:1] == '"'


@given(st.text(alphabet="0123456789.eE+-xo_", max_size=8))
def test_scalar_never_raises(text: str) -> None:
    assert isinstance(parse_scalar(text), int | float | str | None)


def test_tabs_and_unquoted_strings_have_plain_messages() -> None:
    def error_message(text: str) -> str:
        with pytest.raises(InvalidInput) as caught:
            parse_yaml(text, "x.yaml")
        return str(caught.value)

    assert error_message("a:\n\tb: 1\n") == "x.yaml:2:1: error: tab character: YAML is indented with spaces [yaml]"
    assert "(quote text that contains # or :)" in error_message("a: {channel: #shop}\nb: 1\n")
    assert "(quote text that contains # or :)" in error_message("about: Shop: all\n")
    assert "quote text" not in error_message("a: [1 # one\nb: 2]\n]")


def test_a_number_of_thousands_of_digits_is_text():
    digits = "9" * 5000
    assert parse_yaml(f"a: {digits}\nb: 0x{digits}\n", "x.yaml").data == {"a": digits, "b": f"0x{digits}"}
