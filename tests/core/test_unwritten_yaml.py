"""The document of values without a text has the values, the paths and the order of positions of the written file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import packed_yaml, yaml_file
from deckwatch.core.problems import InvalidInput
from deckwatch.core.unwritten_yaml import build_document
from deckwatch.core.yaml_write import dump_yaml

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cn")), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from((1.0, 0.5, -2.0, 1e22, 1e300)) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


def rank_places(document):
    """Return the number of the position of each key and value, in the order of all positions."""
    places = {("key", *path): place for path, place in document.keys.items()}
    places |= {("value", *path): place for path, place in document.values.items()}
    order = sorted(set(places.values()))
    return {path: order.index(place) for path, place in places.items()}


def compare_with_file(data):
    unwritten = build_document(data, "file.yaml")
    read = yaml_file.parse_text(dump_yaml(data), "file.yaml")
    if read.data == unwritten.data:  # some texts are numbers for YAML 1.2, but not for the writer
        assert rank_places(unwritten) == rank_places(read)
        for name in ("keys", "values"):
            assert list(getattr(unwritten, name)) == list(getattr(read, name))
    return read.data == unwritten.data


@given(VALUES)
def test_positions_have_the_order_of_the_file(data):
    try:
        compare_with_file({"rows": data})
    except InvalidInput:  # a key that YAML does not allow
        return


@pytest.mark.parametrize(
    "data",
    [
        {"a": {"b": {"c": 1}}, "d": [[{"e": 1.0, "f": {}}], [], [[{"g": None}]]], "h": "x\ny\n", "expr": "up"},
        {"rows": [[{"lines": "up", "raw": {"a": [{"b": 2}]}}], {"row": "R", "panels": [{"stat": "up"}]}]},
        {"a": {"k" * 128: [{"b": 1}], "l" * 129: {"c": 2}}},
        {"a": {"k" * 129: [{"l" * 200: 1}], "b": 2}, "rows": [{"é" * 65: [], "c": 3}]},
        {},
    ],
)
def test_mappings_begin_where_their_first_key_does(data):
    assert compare_with_file(data)


@pytest.mark.parametrize("path", packed_yaml.list_shipped()[::5], ids=lambda path: "-".join(path.parts[-3:]))
def test_shipped_files_are_the_same(path):
    assert compare_with_file(yaml_file.read_yaml(Path(path)).data)


def test_the_values_are_copied():
    data = {"a": [{"b": {}}]}
    document = build_document(data, "file.yaml")
    document.data["a"][0]["b"]["c"] = 1
    assert data == {"a": [{"b": {}}]}
    assert document.place_in_text(("a", 0, "b"), 3) == document.place(("a", 0, "b"))


def test_whole_numbers_are_integers():
    data = build_document({"a": [1.0, 1.5, True, 1e300]}, "file.yaml").data
    assert [repr(value) for value in data["a"]] == ["1", "1.5", "True", "1e+300"]
