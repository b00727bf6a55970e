"""`where:` of panels and queries: the conditions that it adds, and its problems."""

import pytest

ROWS = "dashboard: Shop\nchoose: [{label: code, from: http_requests_total}]\nrows:\n  - - "


def expressions(result):
    (panel,) = result.panels.values()
    return [target["expr"] for target in panel["targets"]]


def test_every_selector_that_can_have_the_label_gets_the_condition(build):
    result = build(
        ROWS
        + "lines: sum(rate(http_requests_total[$__rate_interval])) / on () group_left () count(ALERTS) + node_load1\n"
        "      title: T\n      description: D.\n      unit: short\n      where: {handler: /pay, service: [a, b]}\n"
    )
    assert result.problems == []
    (expr,) = expressions(result)
    assert 'handler="/pay", service=~"a|b"' in expr
    assert 'node_load1{job=~"$job", instance=~"$instance", service=~"a|b"}' in expr


def test_a_condition_replaces_the_variable(build):
    (expr,) = expressions(build(ROWS + "lines: http_requests_total\n      where: {code: 2..}\n"))
    assert 'code=~"2.."' in expr
    assert "$code" not in expr


def test_a_query_has_its_own_condition(build):
    result = build(
        ROWS + "lines:\n      - {show: http_requests_total, title: Good, where: {code: '200'}}\n"
        "      - {show: http_requests_total, title: All}\n      title: T\n      description: D.\n"
        "      where: {handler: /}\n"
    )
    assert [problem for problem in result.problems if problem.severity == "error"] == []
    first, second = expressions(result)
    assert 'code="200"' in first
    assert 'code="200"' not in second
    assert 'handler="/"' in first
    assert 'handler="/"' in second


def test_quotes_in_a_value_stay_in_the_value(build):
    (expr,) = expressions(build(ROWS + "lines: http_requests_total\n      where: {handler: '/a\"b\\c'}\n"))
    assert r'handler="/a\"b\\c"' in expr or r'handler=~"/a\"b\\c"' in expr


@pytest.mark.parametrize(
    ("panel", "wanted"),
    [
        (
            "lines: http_requests_total\n      where: {handlr: /}\n",
            "5:15: error: no metric of this query has the label handlr (did you mean handler?) [where]",
        ),
        (
            "lines: rate(http_requests_total{code=~'5..'}[$__rate_interval])\n      where: {code: '200'}\n",
            "5:15: error: the expression already has a condition on code",
        ),
        (
            "lines: http_requests_total\n      where: handler\n",
            "5:14: error: expected a mapping (key: value), not a string",
        ),
        (
            "lines: {sql: SELECT 1, where: {a: b}}\n      title: T\n      description: D.\n",
            "4:30: error: where is not allowed",
        ),
    ],
)
def test_a_condition_without_effect_is_reported(build, panel, wanted):
    problems = [str(problem) for problem in build(ROWS + panel).problems]
    assert any(item.startswith(f"shop.yaml:{wanted}") for item in problems), problems
