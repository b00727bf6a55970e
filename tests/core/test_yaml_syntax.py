"""Invalid YAML is one problem inside the text, at the position of the mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import yaml_file, yaml_syntax
from deckwatch.core.problems import InvalidInput

PIECES = st.sampled_from(
    [
        *("a", "b: ", "- ", "\n", "  ", "[", "]", "{", "}", "'", '"', ",", ": ", "#x", " # x", "\t", "{{", "}}"),
        *("&a ", "*a", "|", ">", "%", "@", "!", "?", "---\n", "\x07", "ä", "🛒", "\r\n", "\ufeff", "\u2028", "<<: "),
    ]
)


def error_message(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        yaml_file.parse_yaml(text, "x.yaml")
    return str(caught.value)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_problem_is_inside_the_text(text: str) -> None:
    try:
        yaml_file.parse_yaml(text, "x.yaml")
    except InvalidInput as error:
        lines = text.removeprefix("\ufeff").split("\n")
        for problem in error.problems:
            assert problem.message
            assert problem.place.line <= len(lines) + 1, problem


@pytest.mark.parametrize("levels", [yaml_syntax.MAX_LEVELS + 1, 3000, 200_000])
@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_does_not_crash_the_process(levels: int, opening: str) -> None:
    assert f"more than {yaml_syntax.MAX_LEVELS} levels of nesting" in error_message("a:\n  " + opening * levels)


def test_nesting_below_the_limit_is_read() -> None:
    levels = yaml_syntax.MAX_LEVELS - 1
    data = yaml_file.parse_yaml("a: " + "[" * levels + "]" * levels, "x.yaml").data["a"]
    for _ in range(levels - 1):
        (data,) = data
    assert data == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\nb: 2\n", "x.yaml:1:4: error: [ is not closed (line 2 does not continue it) [yaml]"),
        ("a: [1, {b: 2]\n", "x.yaml:1:13: error: "),
        ("a: 'x\nb: 2\n", "x.yaml:1:4: error: the string that starts with ' is not closed [yaml]"),
        ("a: 1\n b: 2\n", "x.yaml:2:2: error: this key is indented further than the line above allows"),
        ("a: {{b}}\n", 'x.yaml:1:4: error: a string that starts with {{ must be quoted (as in "{{instance}}")'),
        ("a: {{b}} c\n", 'x.yaml:1:4: error: a string that starts with {{ must be quoted (as in "{{instance}}")'),
        ("a: %b\n", "x.yaml:1:4: error: a string that starts with % must be quoted"),
        (
            "a: 1\n<<: {b: 2}\n",
            "x.yaml:2:1: error: << is not a valid key (YAML 1.2 has no merge keys: repeat the keys)",
        ),
        ("a: b\u2028c\n", "x.yaml:1:5: error: the character U+2028 is a line break for some programs"),
        ("a: b\rc: d\n", "x.yaml:1:5: error: the character U+000D is a line break for some programs"),
        ("a: \x00\n", "x.yaml:1:4: error: YAML does not allow the character U+0000"),
    ],
)
def test_a_problem_is_at_the_position_of_the_mistake(text: str, expected: str) -> None:
    assert error_message(text).startswith(expected)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a: ä\n".encode("latin-1"), "x.yaml:1:4: error: cannot be read: the byte 0xE4 is not UTF-8 (save"),
        ("ä: 1\nb: ".encode() + b"\xff", "x.yaml:2:4: error: cannot be read: the byte 0xFF is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "x.yaml:1:1: error: cannot be read: it is UTF-16 (save"),
        (b"a: " + b"x" * yaml_syntax.MAX_BYTES, "x.yaml: error: cannot be read: the file is larger than 5 MB"),
    ],
)
def test_unreadable_bytes_are_reported_at_their_position(data: bytes, expected: str, tmp_path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    with pytest.raises(InvalidInput) as caught:
        yaml_file.read_yaml(path, "x.yaml")
    assert str(caught.value).startswith(expected)


def test_a_byte_order_mark_and_windows_line_ends_do_not_shift_columns(tmp_path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("\ufeffa: 1\r\nb:\r\n  c: 2\r\n".encode())
    document = yaml_file.read_yaml(path, "x.yaml")
    assert document.data == {"a": 1, "b": {"c": 2}}
    assert str(document.place(("a",), key=True)) == "x.yaml:1:1"
    assert str(document.place(("b", "c"))) == "x.yaml:3:6"
