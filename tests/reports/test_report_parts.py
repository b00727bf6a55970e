"""Parts of reports: joined queries, coverage, changes, ticks of graphs."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import promql
from deckwatch.core.problems import Refused
from deckwatch.reports import chart, graphs
from deckwatch.reports.coverage import measure_coverage
from deckwatch.reports.numbers import Change
from deckwatch.reports.queries import Grid, Query, QueryRunner, Results, join_expressions

DAY = 86400
GRID = Grid(0.0, 1200.0, 600.0)


class Server:
    """Prometheus as far as an QueryRunner knows it: it refuses `wrong`, and answers metric_N with N."""

    def __init__(self):
        self.asked = []

    def query_at(self, expr, at):
        self.asked.append((expr, at))
        if "wrong" in expr:
            raise Refused("it says 422: many-to-many", 422)
        return [
            {"metric": {"deckwatch_query": mark, "name": "x"}, "value": [at, number]}
            for number, mark in re.findall(r'label_replace\(metric_(\d+)\n, "deckwatch_query", "(\d+)"', expr)
        ]


def test_a_union_is_one_request_and_its_series_are_told_apart():
    server, queries = Server(), [Query(f"metric_{number}") for number in range(8)]
    answers = QueryRunner(server, GRID, 600.0, lambda: None).run_queries([*queries, *queries])
    assert len(server.asked) == answers.requests == 2  # one for each processor
    results = Results({"third": queries[3]}, answers, GRID.times)
    assert [(sample.labels, sample.value) for sample in results.read_samples("third")] == [({"name": "x"}, 3.0)]


def test_a_refused_expression_costs_only_its_own_values():
    server = Server()
    queries = [Query(f"metric_{number}") for number in range(7)] + [Query("wrong")]
    answers = QueryRunner(server, GRID, 600.0, lambda: None).run_queries(queries)
    assert set(answers.series) == set(queries[:7])
    assert answers.faults == {queries[7]: "it says 422: many-to-many"}
    assert Results({"a": queries[7]}, answers, GRID.times).list_faults() == ["it says 422: many-to-many"]


def test_many_refused_expressions_end_soon():
    server = Server()
    answers = QueryRunner(server, GRID, 600.0, lambda: None).run_queries(
        [Query(f"wrong_{number}") for number in range(200)]
    )
    assert len(server.asked) <= 64
    assert len(answers.faults) == 200


@given(st.lists(st.sampled_from(["up", "sum(up) # a comment", "a or b", "1 - up", "up\n"]), min_size=1, max_size=9))
def test_every_union_is_valid(exprs):
    promql.check_syntax(join_expressions(exprs))


def test_values_that_are_no_numbers_and_points_beside_the_grid_are_gaps():
    query = Query("up", "grid")
    results = Results({"up": query}, QueryRunner(Server(), GRID, 0.0, lambda: None).run_queries([]), GRID.times)
    results.answers.series[query] = [{"metric": {}, "values": [[600, "NaN"], [1200, "2"], [1300, "7"]]}]
    assert results.read_rows("up")[0].values == [None, 2.0]


def test_coverage_has_the_first_sample_and_the_gaps():
    step, start, end = 600.0, 7 * DAY, 14 * DAY
    times = [float(at) for at in range(8 * DAY, 14 * DAY + 1, 600) if not 10 * DAY < at < 10 * DAY + 7200]
    found = measure_coverage(times, start, end, step)
    assert found.since == 8 * DAY - step
    assert found.covered == pytest.approx((6 * DAY - 7200) / (7 * DAY), abs=0.002)
    assert found.covered_before == 0
    assert found.gaps == [(10 * DAY, 10 * DAY + 7200)]
    assert measure_coverage([], start, end, step).since is None


def test_a_gap_at_the_end_counts_and_one_before_the_range_does_not():
    times = [float(at) for at in range(600, 10 * DAY, 600) if not 2 * DAY < at < 3 * DAY]
    assert measure_coverage(times, 7 * DAY, 14 * DAY, 600.0).gaps == [(10 * DAY - 600, 14 * DAY)]


@pytest.mark.parametrize(
    ("change", "verdict", "shown"),
    [
        (Change(2.0, 1.0, "up"), "worse", "+100 %"),
        (Change(0.5, 1.0, "up"), "better", "\N{MINUS SIGN}50 %"),
        (Change(1.02, 1.0, "up"), "same", "+2.0 %"),
        (Change(0.004, 0.001, "up", 0.005), "same", "+300 %"),
        (Change(0.9989, 0.9999, "down", 0.0002, 0.0), "worse", "\N{MINUS SIGN}0.1 %"),
        (Change(3.0, 0.0, "up"), "worse", "from 0"),
        (Change(50.0, 1.0), "changed", "\N{MULTIPLICATION SIGN}50"),
        (Change(None, 1.0, "up"), "unknown", ""),
        (Change(1.0, None, "up"), "unknown", ""),
    ],
)
def test_changes_are_judged_by_direction_and_size(change, verdict, shown):
    assert (change.verdict, change.format_share()) == (verdict, shown)


@given(st.floats(1e-6, 1e15), st.sampled_from(["bytes", "s", "percentunit", "short", "reqps"]))
def test_ticks_are_few_and_reach_the_peak(peak, unit):
    ticks = chart.list_ticks(peak, unit)
    assert 2 <= len(ticks) <= 6
    assert ticks[0] == 0
    assert ticks[-1] >= peak * 0.999999
    assert ticks[-2] < peak


def test_ticks_of_bytes_are_powers_of_two_and_an_empty_graph_has_some():
    assert chart.list_ticks(7 * 2**30, "bytes")[1] == 2 * 2**30
    assert chart.list_ticks(1.9 * 2**30, "bytes") == [0, 2**29, 2**30, 1.5 * 2**30, 2**31]
    assert chart.list_ticks(0.0, "s") == [0.0, 1.0]


@pytest.mark.parametrize("days", [1 / 24, 0.5, 1, 2, 7, 14, 30, 90, 365])
def test_times_have_at_most_eight_ticks(days):
    ticks = chart.list_time_ticks(1e9, 1e9 + days * DAY, ZoneInfo("Europe/Berlin"))
    assert 1 <= len(ticks) <= 9
    assert len({text for _, text in ticks}) == len(ticks)


def test_overlapping_spans_are_one():
    assert graphs.merge_spans([(1, 3), (2, 4), (5, 6)]) == [(1, 4), (5, 6)]
