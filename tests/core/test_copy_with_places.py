"""Parts of one document copied into another: values and positions."""

import hypothesis.strategies as st
from hypothesis import given

from deckwatch.core import yaml_file, yaml_write
from deckwatch.core.copy_with_places import Substitution, copy_with_places, extract_subdocument
from deckwatch.core.yaml_file import Document

PART = "panels:\n  - lines: rate(a[5m])\n    high: ${most}\n    by: [x, '${label}']\n    low: ${none}\n"
USE = "use: part\nwith: {most: 7, label: y}\n"


def copy_part(text, of, fill=None, via="use.yaml:1:1"):
    part = yaml_file.parse_yaml(text, "part.yaml")
    target = Document("use.yaml", USE)
    target.data = {"rows": [copy_with_places(target, ("rows", 0), part, of, via=via, fill=fill)]}
    return part, target


def test_positions_are_those_of_the_part_with_the_use():
    part, target = copy_part(PART, ("panels", 0))
    assert target.data["rows"][0] == part.data["panels"][0]
    for path, place in part.values.items():
        if path[:2] == ("panels", 0):
            place_in_target = target.place(("rows", 0, *path[2:]))
            assert (place_in_target.file, place_in_target.line, place_in_target.column, place_in_target.via) == (
                "part.yaml",
                place.line,
                place.column,
                "use.yaml:1:1",
            )
    inside = target.place_in_text(("rows", 0, "lines"), 5)
    assert (str(inside), inside.via) == (str(part.place_in_text(("panels", 0, "lines"), 5)), "use.yaml:1:1")
    assert target.problem(("rows", 0, "high"), "no").one_sentence == "no (used at use.yaml:1:1)"
    assert target.problem(("rows", 0, "high"), "no", "yes").one_sentence == "no (yes; used at use.yaml:1:1)"


def test_a_substitution_has_its_own_position_and_none_removes_the_key():
    use = yaml_file.parse_yaml(USE, "use.yaml")

    def fill_parameters(path, text):
        del path
        if text == "${none}":
            return Substitution(None)
        return Substitution(None, use, ("with", "most")) if text == "${most}" else None

    _, target = copy_part(PART, ("panels", 0), fill_parameters)
    panel = target.data["rows"][0]
    assert panel["high"] == 7
    assert "low" not in panel
    assert ("rows", 0, "low") not in target.keys
    assert str(target.place(("rows", 0, "high"))) == "use.yaml:2:14"
    assert target.place(("rows", 0, "high")).via == ""
    assert str(target.place(("rows", 0, "high"), key=True)) == "part.yaml:3:5"


def test_a_subdocument_keeps_its_positions():
    use = yaml_file.parse_yaml(USE, "use.yaml")
    inner = extract_subdocument(use, ("with",))
    assert inner.data == {"most": 7, "label": "y"}
    assert inner.place(("most",), key=True) == use.place(("with", "most"), key=True)
    assert inner.place() == use.place(("with",))


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text("ab c", max_size=5))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("xyz", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(TREES)
def test_any_value_is_copied_with_all_its_positions(tree):
    part, target = copy_part(yaml_write.dump_yaml({"a": tree}), ("a",), via="")
    assert target.data["rows"][0] == part.data["a"]
    for places, others in ((part.values, target.values), (part.keys, target.keys)):
        assert {
            ("rows", 0, *path[1:]): place for path, place in places.items() if path[:1] == ("a",) and len(path) > 1
        } == {path: place for path, place in others.items() if len(path) > 2}
