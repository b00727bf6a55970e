import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.alerting.condition import has_comparison, split_condition, with_brackets
from deckwatch.core.promql import PromqlError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up == 0", [("up", "==", "0")]),
        ("sum by (job) (up) > 3", [("sum by (job) (up)", ">", "3")]),
        ("a > 1 and on (x) b == 1", [("a", ">", "1"), ("b", "==", "1")]),
        ("a > 1 and ignoring (x) group_left (y) b", [("a", ">", "1"), ("b", "", "")]),
        ("(a > 1) or (b < 2 unless c)", [("a", ">", "1"), ("b", "<", "2"), ("c", "", "")]),
        ("a / b", [("a / b", "", "")]),
        ("a > bool 1", [("a > bool 1", "", "")]),
        ("a < on (x) group_left () b", [("a", "<", "b")]),
        ("a > 1 > 2", [("a > 1", ">", "2")]),
        ("(a or b) > 1", [("(a or b)", ">", "1")]),
        ('up{job="x > 1 and y"}', [('up{job="x > 1 and y"}', "", "")]),
        ("((a) == 1)", [("(a)", "==", "1")]),
        ("a[5m:1m] offset 5m > 1", [("a[5m:1m] offset 5m", ">", "1")]),
    ],
)
def test_what_is_compared_with_what(text, expected):
    assert [part[:3] for part in split_condition(text)] == expected


def test_what_is_taken_away_is_known_by_its_operator():
    assert [part.joined for part in split_condition("a > 1 or (b > 2 unless (c or d)) and e")] == [
        "",
        "or",
        "unless",
        "unless",
        "and",
    ]


def test_the_operator_stands_where_it_is_written():
    text = "(a > 1) or (bb < 2)"
    assert [text[part.offset] for part in split_condition(text)] == [">", "<"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("up == 0", True), ("up", False), ("a > bool 1", False), ("a and b > 1", True), ("a + (b > 1)", False)],
)
def test_an_alert_must_compare_at_the_outside(text, expected):
    assert has_comparison(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", "a"), ("1 - a", "1 - a"), ("a or b", "(a or b)"), ("a > 1", "(a > 1)"), ("(a or b)", "(a or b)")],
)
def test_brackets_stand_where_a_comparison_needs_them(text, expected):
    assert with_brackets(text) == expected


@given(st.text(alphabet='ab(){}[]"=!<>~ andorunlesson,1', max_size=40))
def test_nothing_but_a_promql_error_is_raised(text):
    for function in (split_condition, has_comparison, with_brackets):
        try:
            function(text)
        except PromqlError:
            continue
