"""A label that is copied from a series exists only where the series has it."""

import subprocess

import pytest
import yaml

from deckwatch.alerting.render_rules import RULES_FOLDER

SHOP = 'name="shop", container_label_com_docker_compose_service="web"'
OTHER = 'name="other"'


@pytest.mark.parametrize("name", ["ContainerNotRunning", "ContainerRestartLoop", "ContainerOomKilled"])
def test_no_rule_has_a_label_that_may_expand_to_nothing(shipped_alerting, name):
    rules = yaml.safe_load(shipped_alerting.texts()[f"{RULES_FOLDER}/containers.yaml"])["groups"][0]["rules"]
    (rule,) = [rule for rule in rules if rule.get("alert") == name]
    assert "service" not in rule["labels"]
    assert "label_replace(" in rule["expr"]


def test_alerts_of_a_container_without_the_label_have_no_service(need, shipped_alerting, tmp_path):
    program = need("promtool", get="apt-get install prometheus")
    (tmp_path / "rules.yaml").write_text(shipped_alerting.texts()[f"{RULES_FOLDER}/containers.yaml"])
    series = [
        {"series": f'{metric}{{job="cadvisor", instance="web-1", id="/docker/{i}", {labels}{extra}}}', "values": "1x20"}
        for i, labels in enumerate((SHOP, OTHER))
        for metric, extra in (
            ("deckwatch_container_state", ', state="exited"'),
            ("deckwatch_container_expected_running", ""),
        )
    ]
    expected = [
        {"labels": 'ALERTS{name="other"}', "value": 1},
        {"labels": 'ALERTS{name="shop", service="web"}', "value": 1},
    ]
    query = 'sum by (__name__, name, service) (ALERTS{alertname="ContainerNotRunning", alertstate="firing"})'
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{"expr": query, "eval_time": "10m", "exp_samples": expected}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    argv = [program, "test", "rules", tmp_path / "test.yaml"]
    process = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
