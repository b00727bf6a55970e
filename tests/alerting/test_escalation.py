"""Steps of escalation: the rule fires after its time with all labels of the alert, and its message finds its team."""

import subprocess

import pytest
import yaml

from deckwatch.core.targets import Targets

PROJECT = """\
teams:
  operations: {webhook: {url: "http://127.0.0.1:9/"}}
  oncall: {webhook: {url: "http://127.0.0.1:9/"}}
  management: {webhook: {url: "http://127.0.0.1:9/"}}
routes:
  - {alert: PostgresDown, labels: {service: test}, to: operations}
  - {severity: critical, topic: postgres, to: operations}
  - severity: critical
    to: oncall
    then:
      - {after: 15m, unless: acknowledged, to: management}
      - {after: 1h, to: [management, operations]}
"""
FILE = "prometheus/rules/escalation-steps.yaml"
SERIES = (
    'ALERTS{alertname="ContainerNotRunning", alertstate="firing", severity="critical", owner="operations", '
    'topic="containers", job="cadvisor", instance="web-1", name="shop", state="exited"}'
)
LABELS = {
    "alertname": "ContainerNotRunning",
    "escalation": "management",
    "escalation_step": "1",
    "severity": "critical",
    "owner": "operations",
    "topic": "containers",
    "job": "cadvisor",
    "instance": "web-1",
    "name": "shop",
    "state": "exited",
}


@pytest.fixture(scope="module")
def built(alerting_of):
    found = alerting_of(project=PROJECT, shipped=True, targets=Targets(alertmanager="0.25"))
    assert found.problem_lines() == []
    return found


@pytest.fixture(scope="module")
def rules(built):
    return [rule for group in yaml.safe_load(built.texts()[FILE])["groups"] for rule in group["rules"]]


def test_only_what_comes_to_the_route_is_escalated(rules, built):
    critical = {alert.name for alert in built.context.iter_alerts() if alert.severity == "critical"}
    postgres = {alert.name for alert in built.context.iter_alerts() if alert.topic == "postgres"}
    assert {rule["alert"] for rule in rules} == critical - postgres
    assert len(rules) == 3 * len(critical - postgres)


def test_a_route_by_labels_takes_its_series_out_of_the_steps_behind_it(alerting_of):
    text = """\
teams:
  ops: {webhook: {url: "http://a/"}}
routes:
  - {labels: {instance: [test-1, test-2]}, to: nobody}
  - {alert: ExporterDown, to: ops, then: [{after: 5m, to: ops}]}
"""
    (rule,) = yaml.safe_load(alerting_of(project=text, shipped=True).texts()[FILE])["groups"][0]["rules"]
    firing = 'ALERTS{alertname="ExporterDown", alertstate="firing", escalation=""'
    assert rule["expr"] == (f'max without (alertstate) ({firing}}} unless {firing}, instance=~"test-1|test-2"}}) == 1')


def test_a_step_is_taken_after_its_time_and_ends_with_the_alert(need, built, rules, tmp_path):
    promtool = need("promtool", get="apt-get install prometheus")
    (annotations,) = [
        rule["annotations"] for rule in rules if rule["alert"] == "ContainerNotRunning" and rule["for"] == "15m"
    ]
    assert annotations["summary"] == "Nobody has acknowledged for 15m: A container that should run is stopped."
    assert "$value" not in annotations["description"]
    built.write(tmp_path)
    fires = {"exp_labels": {key: value for key, value in LABELS.items() if key != "alertname"}}
    fires["exp_annotations"] = {
        key: text.replace("{{ $labels.instance }}", "web-1")
        .replace("{{ $labels.name }}", "shop")
        .replace("{{ $labels.instance | urlquery }}", "web-1")
        .replace("{{ $labels.name | urlquery }}", "shop")
        for key, text in annotations.items()
    }
    moments = [("14m45s", []), ("15m", [fires]), ("30m", [fires]), ("36m", [])]
    test = {
        "rule_files": [FILE],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": SERIES, "values": "1x120 stale"}],
                "alert_rule_test": [
                    {"eval_time": time, "alertname": "ContainerNotRunning", "exp_alerts": alerts}
                    for time, alerts in moments
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    asked = [promtool, "check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / FILE)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("step", "receiver"), [("management", "management"), ("operations", "operations"), ("", "oncall")]
)
def test_the_message_of_a_step_goes_to_its_team_only(need, built, tmp_path, step, receiver):
    amtool = need("amtool", get="apt-get install prometheus-alertmanager")
    path = built.write(tmp_path) / "alertmanager/alertmanager.yml"
    labels = [f"{key}={value}" for key, value in {**LABELS, "escalation": step}.items() if value]
    asked = [amtool, "config", "routes", "test", f"--config.file={path}", f"--verify.receivers={receiver}", *labels]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("{to: ops, then: [{after: 15m, to: opps}]}", "4:39: error: no team is called opps (did you mean ops?)"),
        (
            "{to: ops, then: [{after: 15m, to: ops}, {after: 5m, to: ops}]}",
            "4:53: error: not later than the previous step",
        ),
    ],
)
def test_a_fault_is_reported_at_its_place(alerting_of, line, wanted):
    project = f"teams:\n  ops: {{webhook: {{url: 'http://a/'}}}}\nroutes:\n  - {line}\n"
    lines = alerting_of(project=project, shipped=True).problem_lines()
    assert any(one.startswith(f"deckwatch.yaml:{wanted}") for one in lines), lines


def test_a_step_that_no_alert_comes_to_is_reported(alerting_of):
    text = "teams:\n  ops: {webhook: {url: 'http://a/'}}\nroutes:\n  - {to: ops}\n"
    text += "  - {severity: critical, to: ops, then: [{after: 1h, to: ops}]}\n"
    assert alerting_of(project=text, shipped=True).problem_lines() == [
        "deckwatch.yaml:5:35: error: no alert reaches this step: earlier routes match them all [route]"
    ]


def test_a_message_on_a_service_names_its_deploy(alerting_of):
    text = """\
metrics:
  shop_build_info: {kind: gauge, labels: [service, version]}
deploys: {metric: shop_build_info, version: version}
"""
    built = alerting_of(project=text, shipped=True)
    assert built.problem_lines() == []
    rules = yaml.safe_load(built.texts()["prometheus/rules/application.yaml"])["groups"][0]["rules"]
    (rule,) = [one for one in rules if one.get("alert") == "ApplicationDown"]
    assert "shop_build_info{service=%[1]q}" in rule["annotations"]["deploy"]
    wrong = text.replace("metric: shop_build_info", "metric: shop_build_inof")
    assert alerting_of(project=wrong, shipped=True).problem_lines() == [
        "deckwatch.yaml:3:19: error: no metric is called shop_build_inof (did you mean shop_build_info?) [input]"
    ]
