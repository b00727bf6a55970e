import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import yaml_file, yaml_write

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=12,
)


def test_an_expression_is_a_block_without_escaped_quotes():
    text = yaml_write.dump_yaml({"expr": 'up{job="node"} == 0'})
    assert text == 'expr: |-\n  up{job="node"} == 0\n'


def test_ordered_keys_come_first_and_the_others_keep_their_order():
    text = yaml_write.dump_yaml([{"labels": {"b": "1", "a": "2"}, "for": "5m", "alert": "X"}], order=("alert", "for"))
    assert text == "- alert: X\n  for: 5m\n  labels:\n    b: '1'\n    a: '2'\n"


def test_a_header_is_a_comment():
    assert yaml_write.dump_yaml({"a": 1}, header="one\n\ntwo") == "# one\n#\n# two\na: 1\n"


@pytest.mark.parametrize("word", ["on", "yes", "null", "0755", "22:30", "1e3", "0.80", "~", "=", "<<", "- a", "a: b"])
def test_strings_that_yaml_1_1_would_misread_are_quoted(word):
    assert yaml.safe_load(yaml_write.dump_yaml({"k": word, "l": [word]})) == {"k": word, "l": [word]}


@given(st.from_regex(r"[-+]?[0-9]{0,2}(\.[0-9]?)?([eE][-+]?[0-9]{1,2})?|0[xob][0-9a-fA-F]{1,2}", fullmatch=True))
def test_strings_that_look_like_numbers_stay_strings_in_both_versions(word):
    text = yaml_write.dump_yaml({"k": word, "l": [word]})
    assert yaml.safe_load(text) == {"k": word, "l": [word]}
    assert yaml_file.parse_yaml(text, "written.yaml").data == {"k": word, "l": [word]}


def test_long_lines_are_not_folded_and_there_are_no_aliases():
    same = {"k": "word " * 200}
    text = yaml_write.dump_yaml([same, same])
    assert len(text.splitlines()) == 2
    assert "&" not in text


def test_integral_floats_from_jsonnet_are_integers():
    assert yaml_write.dump_yaml({"a": 3.0, "b": 0.5}) == "a: 3\nb: 0.5\n"


@given(JSON)
def test_written_values_read_back_the_same(value):
    assert yaml.safe_load(yaml_write.dump_yaml({"value": value, "expr": value})) == {"value": value, "expr": value}
