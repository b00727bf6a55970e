"""Checks of query results: labels, table rows, buckets, agreement with another expression."""

from __future__ import annotations

import pytest

from deckwatch.core.expected_result import ExpectedResult
from deckwatch.provisioning import check_result


def series(value: float = 1.0, **labels: str) -> check_result.Series:
    return {"metric": labels, "value": [0, str(value)]}


def faults(samples, expected, other=()):
    return list(check_result.find_faults(samples, expected, lambda _: list(other)))


def test_every_expected_label_is_on_some_series() -> None:
    samples = [series(a="1"), series(b="2", a="")]
    assert faults(samples, ExpectedResult(labels=("a", "b"))) == []
    assert faults(samples, ExpectedResult(labels=("a", "c"))) == [
        "no series has the label c, which the panel or alert uses"
    ]
    assert faults([series(a="")], ExpectedResult(labels=("a",))) != []


def test_table_rows_must_differ() -> None:
    assert faults([series(name="a"), series(name="b")], ExpectedResult("table", ("name",))) == []
    assert "name=a" in faults([series(name="a", x="1"), series(name="a", x="2")], ExpectedResult("table", ("name",)))[0]


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        (["0.1", "+Inf"], ""),
        ([None, None], "needs the label le"),
        (["+Inf"], "of 1 bucket"),
        (["0.1", "much"], "much is not a number"),
    ],
)
def test_a_heat_map_has_buckets(limits, fault) -> None:
    samples = [series(**({"le": limit} if limit else {})) for limit in limits]
    messages = faults(samples, ExpectedResult("heatmap"))
    assert (fault in messages[0]) if fault else messages == []


def test_another_expression_must_give_the_same_value() -> None:
    wanted = ExpectedResult(agrees_with="other")
    assert faults([series(100, __name__="x", job="a")], wanted, [series(104)]) == []
    assert faults([series(100)], wanted, [series(120)]) == ["is 100, but other is 120"]
    assert faults([series(1, a="1"), series(2, a="2")], wanted, [series(1, a="1"), series(3, a="2")]) == [
        '{a="2"} is 2, but other is 3'
    ]
    assert "no value to compare" in faults([series(1)], wanted, [])[0]
    assert "no value to compare" in faults([series(1, a="1"), series(2, a="2")], wanted, [series(1, b="1")])[0]


def test_too_many_series_give_a_remark() -> None:
    assert list(check_result.find_remarks([series()] * 3, ExpectedResult(max_series=2))) == [
        "3 series; more than 2 are not legible"
    ]
    assert list(check_result.find_remarks([series()] * 3, ExpectedResult(max_series=3))) == []
    assert list(check_result.find_remarks([series()] * 3, ExpectedResult())) == []
