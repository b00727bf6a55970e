"""How two results of one query differ."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core.problems import Place
from deckwatch.provisioning.engine_comparison import compare_results, compare_servers, describe_difference
from deckwatch.provisioning.verify import Query

QUERY = Query("Host", "panel", "Load", "up", ranged=False, place=Place("x"))
A, B, NAMED_A = frozenset({("a", "1")}), frozenset({("a", "2")}), frozenset({("__name__", "up"), ("a", "1")})


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ({A: 1.0}, {A: 1.009}, ""),
        ({A: math.nan, B: math.inf}, {A: math.nan, B: math.inf}, ""),
        ({A: 1.0}, {A: 1.02}, "differs in 1 of 1 values, most in {a=1}: 1.02 instead of 1"),
        ({A: 0.0}, {A: 1.0}, "differs in 1 of 1 values, most in {a=1}: 1 instead of 0"),
        ({A: math.inf}, {A: 1.0}, "differs in 1 of 1 values, most in {a=1}: 1 instead of inf"),
        ({A: 1.0, B: 1.0}, {A: 1.0}, "lacks 1 of 2 series, such as {a=2}"),
        ({A: 1.0}, {A: 1.0, B: 1.0}, "has in addition 1 of 2 series, such as {a=2}"),
    ],
)
def test_the_difference_is_stated_with_an_example(expected, found, difference) -> None:
    assert describe_difference(expected, found) == difference


def test_the_name_of_the_metric_alone_is_no_difference() -> None:
    one = compare_results(QUERY, {A: 1.0}, {NAMED_A: 1.0}, {})
    assert (one.difference, one.keeps_name, one.is_fault) == ("", True, False)
    assert compare_results(QUERY, {NAMED_A: 1.0}, {NAMED_A: 1.0}, {}).keeps_name is False


def test_data_on_one_side_only_is_a_fault() -> None:
    assert compare_results(QUERY, {A: 1.0}, {}, {}).is_fault
    assert compare_results(QUERY, {}, {A: 1.0}, {}).is_fault
    assert not compare_results(QUERY, {A: 1.0}, {A: 2.0}, {}).is_fault
    assert not compare_results(QUERY, {}, {}, {}).has_data
    increase = replace(QUERY, expr="increase(a_total[10m]) > 0")
    assert not compare_results(increase, {}, {A: 1.0}, {"increase": "counts from zero"}).is_fault
    assert compare_results(increase, {A: 1.0}, {}, {"increase": "counts from zero"}).is_fault


@given(st.dictionaries(st.frozensets(st.tuples(st.text(), st.text()), max_size=3), st.floats(), max_size=5))
def test_a_result_does_not_differ_from_itself(values) -> None:
    assert describe_difference(values, dict(values)) == ""


def test_a_difference_is_explained_by_functions_with_windows_that_the_engine_evaluates_differently() -> None:
    inexact = {"rate": "not extrapolated"}
    rate = replace(QUERY, expr="sum(rate(http_requests_total[5m])) / sum(up)")
    assert compare_results(rate, {A: 1.0}, {A: 2.0}, inexact).reason == "rate(): not extrapolated"
    assert compare_results(rate, {A: 1.0}, {A: 1.0}, inexact).reason == ""
    assert compare_results(QUERY, {A: 1.0}, {A: 2.0}, inexact).is_unexplained
    other = replace(QUERY, expr="max_over_time(up[5m])")
    assert compare_results(other, {A: 1.0}, {A: 2.0}, inexact).is_unexplained


def test_a_choice_among_equal_values_is_no_difference() -> None:
    first = replace(QUERY, expr="topk(1, up)")
    assert compare_results(first, {A: 1.0}, {B: 1.0}, {}).difference == ""
    assert compare_results(first, {A: 1.0}, {B: 2.0}, {}).is_unexplained
    assert compare_results(QUERY, {A: 1.0}, {B: 1.0}, {}).is_unexplained


def test_external_labels_and_values_that_are_no_number_do_not_count() -> None:
    class Server:
        interval = 1.0

        def __init__(self, *series) -> None:
            self.series = series

        def read_time(self) -> float:
            return 100.0

        def query_at(self, expr: str, at: float):
            return [{"metric": labels, "value": [at, value]} for labels, value in self.series]

    mine = Server(({"instance": "a"}, "1"), ({"instance": "b"}, "NaN"))
    theirs = {"instance": "a", "cluster": "berlin", "tenant_id": "berlin"}  # the tenant is Thanos'
    [one] = compare_servers(mine, Server((theirs, "1")), [QUERY], {"cluster": "berlin"}, {})
    assert (one.difference, one.has_data) == ("", True)
    sites = Server((theirs, "1"), ({**theirs, "cluster": "paris"}, "1"))
    [one] = compare_servers(mine, sites, [QUERY], {}, {})
    assert "lacks 1 of 3 series, such as {instance=a}" in one.difference
