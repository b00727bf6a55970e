import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.dashboards import panel_ids

keys = st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=panel_ids.MAX_ID)


@given(keys)
def test_ids_are_unique_and_fit_a_byte(names):
    result = panel_ids.assign_ids(names)
    assert len(set(result)) == len(names)
    assert all(1 <= number <= panel_ids.MAX_ID for number in result)


@given(keys, st.randoms())
def test_moving_panels_changes_no_id(names, random):
    before = dict(zip(names, panel_ids.assign_ids(names), strict=True))
    shuffled = names[:]
    random.shuffle(shuffled)
    assert dict(zip(shuffled, panel_ids.assign_ids(shuffled), strict=True)) == before


def test_a_new_panel_rarely_changes_an_id():
    names = [f"lines Panel {i}" for i in range(30)]
    before = dict(zip(names, panel_ids.assign_ids(names), strict=True))
    moved = 0
    for i in range(200):
        new = [*names[:15], f"stat New {i}", *names[15:]]
        after = dict(zip(new, panel_ids.assign_ids(new), strict=True))
        moved += sum(after[name] != before[name] for name in names)
    assert moved / (200 * len(names)) < 0.01


@pytest.mark.parametrize("names", [["a", "a"], [str(i) for i in range(panel_ids.MAX_ID + 1)]])
def test_duplicate_names_and_too_many_panels_are_rejected(names):
    with pytest.raises(ValueError, match=r"same name|at most"):
        panel_ids.assign_ids(names)
