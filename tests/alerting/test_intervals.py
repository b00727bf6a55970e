"""Topics with an interval of their own: averages over hours and days, which nobody needs every fifteen seconds."""

import pytest
import yaml

HOURLY = """\
title: By the hour
interval: 1m
recordings:
  instance:load:avg1h: {expr: 'avg_over_time(instance:load:now[1h])', about: Load over an hour.}
"""
NOW = """\
title: Load
owner: shop
recordings:
  instance:load:now: {expr: sum by (instance) (node_load1), about: Load now.}
alerts:
  LoadAboveUsual:
    expr: instance:load:now > 2 * instance:load:avg1h
    for: 5m
    severity: info
    each: [instance]
    summary: The load is higher than usual.
    means: Something works that did not an hour ago.
    do: [Look.]
    proof:
      - give: {'node_load1{instance="a"}': 5, 'instance:load:avg1h{instance="a"}': 2}
        fires: 5m
      - give: {'node_load1{instance="a"}': 3, 'instance:load:avg1h{instance="a"}': 2}
        silent: true
"""


def test_the_interval_stands_with_the_group_and_other_groups_have_none(alerting_of):
    built = alerting_of({"hourly.yaml": HOURLY, "load.yaml": NOW})
    assert built.problem_lines() == []
    texts = built.texts()
    (hourly,) = yaml.safe_load(texts["prometheus/rules/hourly.yaml"])["groups"]
    assert hourly["interval"] == "1m"
    (now,) = yaml.safe_load(texts["prometheus/rules/load.yaml"])["groups"]
    assert "interval" not in now
    assert "prometheus/rules/tests/hourly_test.yaml" not in texts


def test_what_is_computed_now_and_then_may_have_no_data_yet(alerting_of):
    built = alerting_of({"hourly.yaml": HOURLY, "load.yaml": NOW})
    reasons = {query.name: query.empty for query in built.bundle.queries if query.kind == "recording"}
    assert reasons == {"instance:load:avg1h": "it is computed every 1m", "instance:load:now": ""}


def test_a_proof_that_gives_a_recording_does_not_wait_for_what_the_recording_looks_back_at(alerting_of):
    built = alerting_of({"hourly.yaml": HOURLY, "load.yaml": NOW})
    tests = yaml.safe_load(built.texts()["prometheus/rules/tests/load_test.yaml"])["tests"]
    last = [test["promql_expr_test"][-1]["eval_time"] for test in tests if "fires" in test["name"]]
    assert last == ["40m"]  # twice 15m, then 5m of `for` and 5m in which Prometheus looks for a sample


@pytest.mark.parametrize("interval", ["5m", "1h", "0s", "often"])
def test_an_interval_at_which_prometheus_calls_series_gone_is_refused(alerting_of, interval):
    built = alerting_of({"hourly.yaml": HOURLY.replace("1m", interval, 1)})
    assert any("is not a duration of less than 5m" in line for line in built.problem_lines()), built.problem_lines()


def test_alerts_are_compared_as_often_as_pages_are_read(alerting_of):
    built = alerting_of({"load.yaml": NOW.replace("owner:", "interval: 1m\nowner:")})
    assert any(line.startswith("load.yaml:6:1: error: ") for line in built.problem_lines()), built.problem_lines()


def test_a_window_over_another_topics_recording_is_as_good_one_evaluation_later(alerting_of):
    late = NOW.replace("interval: 1m\n", "").replace("LoadAboveUsual", "LoadUp")
    plain = HOURLY.replace("interval: 1m\n", "").replace("avg_over_time(instance:load:now[1h])", "instance:load:now")
    (line,) = alerting_of({"hourly.yaml": HOURLY.replace("interval: 1m\n", ""), "load.yaml": late}).problem_lines()
    assert line.startswith("load.yaml:7:35: warning: instance:load:avg1h is recorded in the topic hourly, so its value")
    lines = alerting_of({"hourly.yaml": plain, "load.yaml": NOW}).problem_lines()
    assert any("instance:load:now is recorded in the topic load" in line for line in lines)
