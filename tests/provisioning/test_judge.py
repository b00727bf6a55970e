"""What is wanted of an answer besides its being there: labels, lines, buckets, another way to the same value."""

from __future__ import annotations

import pytest

from deckwatch.core.expected_result import ExpectedResult
from deckwatch.provisioning import judge


def series(value: float = 1.0, **labels: str) -> judge.Series:
    return {"metric": labels, "value": [0, str(value)]}


def faults(found, wanted, other=()):
    return list(judge.faults(found, wanted, lambda _: list(other)))


def test_each_label_is_carried_by_some_series() -> None:
    found = [series(a="1"), series(b="2", a="")]
    assert faults(found, ExpectedResult(labels=("a", "b"))) == []
    assert faults(found, ExpectedResult(labels=("a", "c"))) == ["no series has the label c, which is named here"]
    assert faults([series(a="")], ExpectedResult(labels=("a",))) != []


def test_the_lines_of_a_table_differ() -> None:
    assert faults([series(name="a"), series(name="b")], ExpectedResult("table", ("name",))) == []
    assert "name=a" in faults([series(name="a", x="1"), series(name="a", x="2")], ExpectedResult("table", ("name",)))[0]


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        (["0.1", "+Inf"], ""),
        ([None, None], "needs the label le"),
        (["+Inf"], "of 1 bucket"),
        (["0.1", "much"], "much is no number"),
    ],
)
def test_a_heat_map_has_buckets(limits, wrong) -> None:
    found = [series(**({"le": limit} if limit else {})) for limit in limits]
    told = faults(found, ExpectedResult("heatmap"))
    assert (wrong in told[0]) if wrong else told == []


def test_another_way_gives_the_same_value() -> None:
    wanted = ExpectedResult(agrees_with="other")
    assert faults([series(100, __name__="x", job="a")], wanted, [series(104)]) == []
    assert faults([series(100)], wanted, [series(120)]) == ["is 100, but by other it is 120"]
    assert faults([series(1, a="1"), series(2, a="2")], wanted, [series(1, a="1"), series(3, a="2")]) == [
        '{a="2"} is 2, but by other it is 3'
    ]
    assert "no value to compare" in faults([series(1)], wanted, [])[0]
    assert "no value to compare" in faults([series(1, a="1"), series(2, a="2")], wanted, [series(1, b="1")])[0]


def test_many_series_are_remarked_on() -> None:
    assert list(judge.remarks([series()] * 3, ExpectedResult(max_series=2))) == ["3 series; more than 2 cannot be read"]
    assert list(judge.remarks([series()] * 3, ExpectedResult(max_series=3))) == []
    assert list(judge.remarks([series()] * 3, ExpectedResult())) == []
