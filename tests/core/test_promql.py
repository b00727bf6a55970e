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
    r"sum(g{path=~`/v1\.0/\d+`})",
    "x > 1_000",
    "rate(x[5m*2])",
    "max_over_time(x[5m + $w:step()])",
    "rate(x[max_of(step(), 5m)] offset -(1m * 2))",
    "histogram_sum(x </ 5) + histogram_sum(x >/ $n)",
    "rate(x[5m] anchored) + increase(x[5m] smoothed offset 1m)",
    '{"http.requests", "server.address"=~"a.*"}',
    "x offset -$w + y offset +$w",
    'anchored{a="b"} + sum by (smoothed) (x)',
    "x @ 100 smoothed + rate(x[5m] offset 1m anchored) + x @ end() anchored",
    'offset{step="1s"} + step{offset="1s"}',
    'info(x or info(y), {foo=~".*"} @ 120) + info(x, {__name__!="target_info"}) + info(x, {})',
    "integral(x[5m]) + predict_linear(x[5m], 1h) + x @ 5m",
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
        ('x{a="b" c="d"}', "a comma is missing", 8),
        ('{"x" a="b"}', "a comma is missing", 5),
        ('x{"y"}', "expected a label matcher", 2),
        ("rate(x[5m+])", "expected a duration", 10),
        ("rate(x[])", "a duration is missing", 7),
        ("x[5m/0s]", "division by zero", 5),
        ("x offset (4d/0)", "division by zero", 13),
        ("x[9.5e10]", "out of range", 2),
        ("9" * 400, "out of range", 0),
        ('x{a="\ufffd"}', "not valid UTF-8", 5),
        ("x{a=", "not closed", 1),
        ("x{a=b}", "expected a quoted value after =", 4),
        ('info(x, y{a="b"})', "expected the matchers of info", 8),
        ('info(x, {a="b"} == 1)', "only matchers in the second argument", 16),
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
        ("rate(x[5m*2] anchored)", [("x", "rate", "5m*2")]),
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


@pytest.mark.parametrize("operator", ["+", "==", "or", "unless", "atan2", "!="])
def test_too_many_operators_are_an_error_and_not_a_crash_of_the_parser(operator: str) -> None:
    with pytest.raises(promql.PromqlError, match="more than 1000 operators"):
        promql.check_syntax(f" {operator} ".join(["up"] * 50_000))
    promql.check_syntax(f" {operator} ".join(["up"] * 900))


def test_a_long_regular_expression_is_valid():
    """The parser refuses to compile more than 10 MB, which a list of a million names needs."""
    promql.check_syntax("up{a=~'" + "x|" * 500_000 + "'}")
    with pytest.raises(promql.PromqlError):
        promql.check_syntax("up{a=~'" + "x|" * 500_000 + "'")
