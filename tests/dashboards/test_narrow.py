"""`where:` of panels and queries: the matchers that it adds, where it adds none, and its problems."""

import pytest

ROWS = "dashboard: Shop\nchoose: [{label: code, from: http_requests_total}]\nrows:\n  - - "


def asked(made):
    (panel,) = made.panels.values()
    return [target["expr"] for target in panel["targets"]]


def test_every_selection_that_can_have_the_label_gets_the_condition(build):
    made = build(
        ROWS
        + "lines: sum(rate(http_requests_total[$__rate_interval])) / on () group_left () count(ALERTS) + node_load1\n"
        "      title: T\n      description: D.\n      unit: short\n      where: {handler: /pay, service: [a, b]}\n"
    )
    assert made.problems == []
    (expr,) = asked(made)
    assert 'handler="/pay", service=~"a|b"' in expr
    assert 'node_load1{job=~"$job", instance=~"$instance", service=~"a|b"}' in expr


def test_a_condition_stands_in_for_what_is_chosen_at_the_top(build):
    (expr,) = asked(build(ROWS + "lines: http_requests_total\n      where: {code: 2..}\n"))
    assert 'code=~"2.."' in expr
    assert "$code" not in expr


def test_a_query_has_its_own_condition(build):
    made = build(
        ROWS + "lines:\n      - {show: http_requests_total, title: Good, where: {code: '200'}}\n"
        "      - {show: http_requests_total, title: All}\n      title: T\n      description: D.\n"
        "      where: {handler: /}\n"
    )
    assert [one for one in made.problems if one.severity == "error"] == []
    one, two = asked(made)
    assert 'code="200"' in one
    assert 'code="200"' not in two
    assert 'handler="/"' in one
    assert 'handler="/"' in two


def test_quotes_in_a_value_stay_in_the_value(build):
    (expr,) = asked(build(ROWS + "lines: http_requests_total\n      where: {handler: '/a\"b\\c'}\n"))
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
            "5:14: error: expected a mapping (key: value), not 'handler'",
        ),
        (
            "lines: {sql: SELECT 1, where: {a: b}}\n      title: T\n      description: D.\n",
            "4:30: error: where is not allowed",
        ),
    ],
)
def test_a_condition_that_holds_for_nothing_is_told(build, panel, wanted):
    messages = [str(one) for one in build(ROWS + panel).problems]
    assert any(one.startswith(f"shop.yaml:{wanted}") for one in messages), messages
