"""Objectives of a project become series; exact shares, one figure of each, and faults at the project's own places."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.alerting import condition, objectives
from deckwatch.core import promql, units, yaml_file
from deckwatch.core.project import FILE, Project


def project(text: str) -> Project:
    return Project(Path(), yaml_file.parse_yaml(text, FILE))


def recorded(text: str) -> dict[str, str]:
    """Return the expressions of all recordings by name."""
    found = {}
    for document in objectives.build_documents(project(text)):
        found |= {name: one["expr"] for name, one in document.data["recordings"].items()}
    return found


def problem_lines(text: str) -> list[str]:
    found = project(text)
    problems = [str(problem) for problem in objectives.find_problems(found)]
    assert not problems or objectives.build_documents(found) == []
    return problems


AVAILABLE = "objectives:\n  shop-available: {service: shop, target: 99.9%}\n"


def test_without_objectives_nothing_is_recorded():
    assert recorded("teams: {}") == {}
    assert recorded("objectives: {}") == {}


def test_the_share_that_may_be_bad_is_exact():
    assert "vector(0.001)" in recorded(AVAILABLE)["objective:budget:ratio"]
    assert "vector(0.0001)" in recorded("objectives: {a: {service: a, target: 0.9999}}")["objective:budget:ratio"]


@given(st.decimals("0.000001", "99.999999", places=6))
def test_every_share_is_exact(percent: Decimal):
    expr = recorded(f"objectives: {{a: {{service: a, target: {percent}%}}}}")["objective:budget:ratio"]
    digits = expr.partition("vector(")[2].partition(")")[0]
    assert Decimal(digits) * 100 + percent == 100
    assert "e" not in digits.lower()
    promql.check_syntax(expr)


@pytest.mark.parametrize(
    ("one", "bad", "everything"),
    [
        ("{service: shop, target: 99%}", 'code=~"5.."', 'sum(rate(http_requests_total{service="shop"}[5m]))'),
        ("{service: shop, target: 99%, slower_than: 500ms}", 'le="0.5"', "http_request_duration_seconds_count{"),
        ("{service: shop, target: 99%, slower_than: 2s}", 'le=~"2([.]0)?"', "http_request_duration_seconds_count{"),
        ("{service: shop, target: 99%, bad: down}", "1 - avg(avg_over_time(probe_success{", "> bool 0"),
        ("{target: 99%, bad: 'rate(lost[5m])', of: 'rate(sent[5m])'}", "sum(rate(lost[5m]))", "sum(rate(sent[5m]))"),
    ],
    ids=["errors", "slow", "slow by whole seconds", "down", "own"],
)
def test_each_kind_counts_what_is_bad_and_what_there_is(one, bad, everything):
    found = recorded(f"objectives: {{a: {one}}}")
    assert bad in found["objective:bad:rate5m"]
    assert everything in found["objective:all:rate5m"]
    for expr in found.values():
        promql.check_syntax(expr)
    assert ("objective:slower_than:seconds" in found) == ("slower_than" in one)


@pytest.mark.parametrize(
    ("own", "bad", "everything"),
    [
        ("{bad: 'rate(lost[5m])', of: 'rate(sent[ 5m ])'}", "sum(rate(lost[2h]))", "sum(rate(sent[2h]))"),
        ("{bad: 'increase(a[5m]) + increase(b[5m])', of: 'increase(c[5m])'}", "increase(b[2h])", "increase(c[2h])"),
        ("{bad: 'lost:rate5m', of: 'sent:rate5m'}", "", ""),
        ("{bad: 'rate(lost[5m])', of: 'sent:rate5m'}", "", ""),
        ("{bad: 'rate(lost[10m])', of: 'rate(sent[5m])'}", "", ""),
        ("{bad: 'rate(lost[5m])', of: 'increase(sent[5m])'}", "", ""),
        ("{bad: 'sum(max_over_time(down[5m]))', of: 'count(max_over_time(down[5m]))'}", "", ""),
        ("{bad: 'rate(lost{at=\"[5m]\"}[5m])', of: 'rate(sent[5m])'}", "", ""),
        ("{bad: 'rate(lost[5m:1m])', of: 'rate(sent[5m])'}", "", ""),
    ],
)
def test_own_rates_are_counted_over_each_window_and_other_promql_is_averaged(own, bad, everything):
    found = recorded(f"objectives: {{a: {{target: 99%, {own[1:]}}}")
    bad = bad or 'avg_over_time(objective:bad:rate5m{objective="a"}[2h])'
    everything = everything or 'avg_over_time(objective:all:rate5m{objective="a"}[2h])'
    assert bad in found["objective:bad:rate2h"]
    assert everything in found["objective:all:rate2h"]
    for expr in found.values():
        promql.check_syntax(expr)


def test_objectives_stand_side_by_side():
    found = recorded(AVAILABLE + "  shop-up: {service: shop, target: 99%, bad: down, over: 7d}\n")
    for name, expr in found.items():
        assert expr.count("\nor\n") == 1, name
        promql.check_syntax(expr)
    assert "[30d]" in found["objective:good:ratio"]
    assert "[7d]" in found["objective:good:ratio"]
    assert "vector(604800)" in found["objective:period:seconds"]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        ("{service: a, target: 100%}", "1:38: error: expected a share above 0% and below 100% (such as 99.9%)"),
        ("{service: a, target: 99.5}", "1:38: error: expected a share above 0% and below 100% (such as 99.5%)"),
        ("{service: a, target: 0%}", "1:38: error: expected a share above 0% and below 100% (such as 99.9%)"),
        ("{target: 99%}", "1:14: error: service is missing (the service whose requests are counted)"),
        (
            "{service: a, target: 99%, bad: error}",
            "1:48: error: where bad is PromQL, of is needed too (did you mean ",
        ),
        ("{target: 99%, bad: 'rate(x[5m])'}", "1:36: error: where bad is PromQL, of is needed too (the rate of all e"),
        (
            "{service: a, target: 99%, of: 'rate(x[5m])'}",
            "1:43: error: of is used only where bad is PromQL (write",
        ),
        ("{service: a, target: 99%, bad: down, slower_than: 1s}", "1:43: error: slower_than already defines which"),
        ("{target: 99%, bad: 'rate(x[$__range])', of: 'rate(y[5m])'}", "1:44: error: a rule has no variables (write"),
        ("{target: 99%, bad: 'rate(x[5m)', of: 'rate(y[5m])'}", "1:46: error: ')' has no opening bracket"),
    ],
)
def test_faults_are_reported_at_their_places(one, expected):
    (problem,) = problem_lines(f"objectives: {{a: {one}}}")
    assert problem.startswith(f"{FILE}:{expected}")


def test_an_unknown_metric_is_reported_where_the_project_names_it():
    """The expression that is checked is made of many pieces; each character of the project's own has its place."""
    text = AVAILABLE + "  orders: {target: 99%, bad: 'rate(lost[5m])', of: 'rate(http_requests_total[5m])'}\n"
    found = objectives.build_documents(project(text))[0]
    expr = found.data["recordings"]["objective:bad:rate5m"]["expr"]
    path = ("recordings", "objective:bad:rate5m", "expr")
    assert str(found.place_in_text(path, expr.index("lost"))) == f"{FILE}:3:36"
    assert str(found.place_in_text(path, expr.index("http_requests_total"))) == f"{FILE}:2:3"


def test_each_alert_compares_a_long_and_a_short_window_with_one_pace(shipped_alerting):
    """Proofs give the longest windows themselves; that these look back as far as they are called is seen here."""
    (group,) = [one for one in shipped_alerting.groups if one.topic == objectives.TOPIC]
    windows = {}
    for recording in group.recordings:
        window = recording.name.removeprefix("objective:errors:ratio")
        selectors = promql.find_selectors(recording.expr)
        (seconds,) = {units.parse_duration(selector.window or "") for selector in selectors}
        windows[recording.name] = units.parse_duration(window)
        if window.endswith("d"):
            assert {selector.metric for selector in selectors} == {"objective:all:rate5m", "objective:bad:rate5m"}
            assert seconds == units.parse_duration(window), recording.name
        else:
            assert {selector.metric for selector in selectors} == {
                f"objective:{one}:rate{window}" for one in ("all", "bad")
            }
            assert seconds == (120 if window == "6h" else 60), recording.name
    paces = {}
    for alert in (one for one in group.alerts if one.family):
        long, short = condition.split_condition(alert.watched)
        assert (long.operator, long.right) == (short.operator, short.right)
        lengths = [windows[promql.find_selectors(part.left)[0].metric] for part in (long, short)]
        assert lengths[0] == 12 * lengths[1], alert.name
        paces[float(long.right)] = lengths[0]
    assert paces == {14.4: 3600, 6: 6 * 3600, 3: 24 * 3600, 1: 72 * 3600}
