"""PromQL with Grafana's variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import promql

GOOD = [
    'sum by (a, $b) (rate(x{b="c", d=~"$e"}[$__rate_interval]))',
    "topk($n, a:b:c offset $w)",
    "x{} + on (instance) group_left (b) y > 5",
    "avg(rate(foo_total[5m:1m])) by (x)",
    "histogram_quantile(0.95, sum by (le) (rate(h_bucket[1m])))",
    "x @ start() offset -5m",
    'label_replace(up, "a", "$1", "b", "(.*)")',
    "sum(x) without (y) / scalar(z) # a comment",
    "1 - avg_over_time(up[${window:raw}])",
    "quantile_over_time(0.9, x[[[window]]])",
]


@pytest.mark.parametrize("text", GOOD)
def test_promql_with_grafana_variables_is_valid(text: str) -> None:
    promql.check_syntax(text)


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("rate(x[5m]", "not closed", 4),
        ("sum(rate(", "not closed", 8),
        ("sum(x))", "has no opening bracket", 6),
        ("rat(x[5m])", "no function is called rat: did you mean rate", 0),
        ("1 + rat(x[5m])", "no function is called rat: did you mean rate", 4),
        ('x{a="b}', "not closed", 4),
        ("x ; y", "unexpected", 2),
        ("  ", "empty", 0),
    ],
)
def test_a_fault_has_its_offset(text: str, message: str, at: int) -> None:
    with pytest.raises(promql.PromqlError, match=message) as caught:
        promql.check_syntax(text)
    assert caught.value.offset == at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('sum by (a) (rate(x{b="c"}[5m]))', [("x", "rate", "5m")]),
        ("a + on (i) group_left (n) b", [("a", None, None), ("b", None, None)]),
        ("{__name__=\"z\", a='q'}[5m]", [("z", None, "5m")]),
        ("sum by (le) (increase(h_bucket[$__range]))", [("h_bucket", "increase", "$__range")]),
        ("sum(x) without (y)", [("x", "sum", None)]),
        ("max_over_time(rate(x[1m])[1h:5m])", [("x", "rate", "1m")]),
        ("time() - x", [("x", None, None)]),
        ('count_values by (k) ("v", x)', [("x", "count_values", None)]),
        ("inf + nan", []),
    ],
)
def test_selectors(text: str, expected: list) -> None:
    assert [(s.metric, s.function, s.window) for s in promql.find_selectors(text)] == expected


def test_matchers_are_added_once_and_in_every_selection() -> None:
    text = 'a{job="x"} + b{c="d"} / sum(rate(e[5m]))'
    added = promql.with_matchers(text, lambda _: ['job=~"$job"'])
    assert added == 'a{job="x"} + b{job=~"$job", c="d"} / sum(rate(e{job=~"$job"}[5m]))'
    assert promql.with_matchers(added, lambda _: ['job=~"$job"']) == added
    assert promql.with_matchers("x{}", lambda _: ["a=1"]) == "x{a=1}"


@pytest.mark.parametrize("text", GOOD)
def test_an_expression_with_matchers_still_passes(text: str) -> None:
    promql.check_syntax(promql.with_matchers(text, lambda _: ['job=~"$job"', 'instance=~"$instance"']))


def test_windows_are_fixed_for_rules() -> None:
    assert promql.with_window("rate(x[$__rate_interval]) + y[${__range}]", "5m") == "rate(x[5m]) + y[5m]"


@given(st.text(alphabet="abr(){}[]\"'$=~!<>+-*/,:5m \n#.@{}", max_size=40))
def test_only_promql_errors_are_raised(text: str) -> None:
    for function in (promql.check_syntax, promql.find_selectors):
        try:
            function(text)
        except promql.PromqlError as error:
            assert 0 <= error.offset <= len(text)
