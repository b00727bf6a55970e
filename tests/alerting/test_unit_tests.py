"""What promtool is asked, before promtool is asked."""

from deckwatch.alerting import unit_tests

TEXT = """\
owner: shop
alerts:
  LoadHigh:
    expr: node_load1
    above: 4
    for: 1m
    keep_firing_for: 2m
    severity: warning
    each: [instance]
    labels: {team: shop, service: '{{ $labels.instance }}'}
    summary: The load is high.
    means: It is high.
    do: [Look.]
    proof:
      - {give: [{value: 5, for: 2m}, {value: 3, for: 1m}], fires: 1m}
      - {give: [{value: 4, for: 5m}], silent: true}
"""


def made(alerting_of, text=TEXT):
    built = alerting_of({"load.yaml": text})
    assert built.problem_lines() == []
    alert = built.groups[0].alerts[0]
    return {test["name"].partition(": ")[2]: test for test in unit_tests.build_tests(alert, {})}


def test_a_proof_that_fires_is_silent_one_evaluation_before_and_after_recovery(alerting_of):
    test = made(alerting_of)["fires after 1m, proof 1"]
    labels = {"alertname": "LoadHigh", "severity": "warning", "owner": "shop", "topic": "load", "team": "shop"}
    assert test["at"] == [
        {"time": "45s", "labels": None},
        {"time": "1m", "labels": {**labels, "instance": "instance-1"}},
        # 3 m of the proof, 5 m of the silent one, and as long as it may go on: keep 2 m, for 1 m, looking back 5 m
        {"time": "16m", "labels": None},
    ]
    assert test["series"] == [{"series": 'node_load1{instance="instance-1"}', "values": "5+0x7 3+0x3 4+0x51"}]


def test_labels_that_are_made_of_templates_are_not_compared(alerting_of):
    test = made(alerting_of)["fires after 1m, proof 1"]
    assert test["by"] == ["alertname", "instance", "owner", "severity", "team", "topic"]


def test_a_silent_proof_is_silent_at_the_end_of_each_step_and_when_it_could_first_fire(alerting_of):
    text = TEXT.replace("[{value: 4, for: 5m}]", "[{value: 5, for: 30s}, {value: 0, for: 5m}]")
    assert made(alerting_of, text)["silent, proof 2"]["at"] == [
        {"time": "30s", "labels": None},
        {"time": "1m", "labels": None},
        {"time": "1m30s", "labels": None},
        {"time": "5m30s", "labels": None},
    ]


def test_without_data_nothing_fires(alerting_of):
    test = made(alerting_of)["silent without data"]
    assert test["series"] == []
    assert test["at"] == [{"time": "6m", "labels": None}]


def test_an_alert_that_fires_on_nothing_is_not_expected_to_be_silent_without_data(alerting_of):
    text = TEXT.replace("[{value: 5, for: 2m}, {value: 3, for: 1m}]", "{}").replace(
        "expr: node_load1\n    above: 4", "expr: absent(node_load1)"
    )
    text = (
        text.replace("[{value: 4, for: 5m}]", "{node_load1: 1}")
        .replace("[instance]", "[]")
        .replace("labels: {team: shop, service: '{{ $labels.instance }}'}", "labels: {team: shop}")
    )
    assert sorted(made(alerting_of, text)) == ["fires after 1m, proof 1", "silent, proof 2"]


def test_series_by_name_and_numbers_that_stay(alerting_of):
    text = TEXT.replace("[{value: 5, for: 2m}, {value: 3, for: 1m}]", "{'node_load1{instance=\"web-1\"}': 5}")
    test = made(alerting_of, text)["fires after 1m, proof 1"]
    first, second = test["series"]
    assert first["series"] == 'node_load1{instance="web-1"}'
    assert first["values"].startswith("5+0x43 stale")
    assert second == {"series": 'node_load1{instance="instance-1"}', "values": "_x44 4+0x51"}
    assert test["at"][1]["labels"]["instance"] == "web-1"


def test_recovery_waits_for_what_recordings_look_back(alerting_of):
    text = TEXT.replace("expr: node_load1\n    above: 4", "expr: node:load:max\n    above: 4").replace(
        "alerts:\n",
        'recordings:\n  node:load:max: {expr: "max_over_time(node_load1[1h])", about: x}\nalerts:\n',
    )
    text = text.replace("give: [", "give: {'node_load1{instance=\"web-1\"}': [").replace("}],", "}]},")
    built = alerting_of({"load.yaml": text})
    assert built.problem_lines() == []
    (group,) = built.groups
    recordings = {recording.name: recording for recording in group.recordings}
    test = next(iter(unit_tests.build_tests(group.alerts[0], recordings)))
    assert test["at"][-1]["time"] == "1h16m"
