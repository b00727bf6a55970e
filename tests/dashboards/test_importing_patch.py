"""The merge patch that `raw:` contains."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deckwatch.dashboards.importing import patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "green", "short", "10s", "A"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["mode", "steps", "value", "id"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(JSON, JSON)
def test_a_patch_turns_one_value_into_another(first, second):
    first, second = {"a": first, "b": 1}, {"a": second, "c": [1]}
    merged = merge(first, patch.make_patch(first, second))
    assert without_nulls(merged) == without_nulls(second)


def merge(value, change):
    """Merge as in RFC 7386."""
    if not isinstance(change, dict):
        return change
    result = dict(value) if isinstance(value, dict) else {}
    for key, inner in change.items():
        if inner is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), inner)
    return result


def without_nulls(value):
    return (
        {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
        if isinstance(value, dict)
        else value
    )
