"""`alert_threshold`: the thresholds of the rules as series, with the project's overrides."""

from __future__ import annotations

import subprocess

import pytest

from deckwatch.core import plugins, project, yaml_file
from deckwatch.provisioning import stack

ALERTS = """
alerts:
  ShopQueueLong:
    expr: max by (instance) (node_load1) > 12.5 unless on (instance) node_load5
    for: 5m
    severity: warning
    owner: shop
    summary: Long.
    means: Long.
    do: [Look.]
    proof:
      - {give: {'node_load1{instance="a"}': 20}, fires: 5m}
      - {give: {'node_load1{instance="a"}': 10}, silent: true}
"""


def build_rules(folder, text: str) -> dict | None:
    (folder / "deckwatch.yaml").write_text(text)
    (folder / "alerts").mkdir(exist_ok=True)
    (folder / "alerts/shop.yaml").write_text(ALERTS)
    built = stack.build(project.load_project(folder, plugins.schema_fragments()))
    files = {file.path: file.text for file in built.plan.list_files()}
    rules = files.get("prometheus/rules/thresholds.yaml")
    if rules is None:
        return None
    (folder / "thresholds.yaml").write_text(rules)
    return yaml_file.parse_yaml(rules, "x").data


@pytest.fixture
def rules(tmp_path):
    return build_rules(tmp_path, "build: {record_thresholds: true, set: {host.cpu.high: 71%}}\n")


def find(data, alert: str) -> dict:
    (rule,) = [rule for group in data["groups"] for rule in group["rules"] if rule["labels"]["alert"] == alert]
    return rule


def test_each_alert_with_one_threshold_has_it_as_a_series(rules):
    assert find(rules, "HostCpuHigh") == {
        "record": "alert_threshold",
        "expr": "vector(0.71)",
        "labels": {"alert": "HostCpuHigh", "level": "warning", "unit": "ratio"},
    }
    assert find(rules, "ShopQueueLong")["expr"] == "vector(12.5)"
    assert sum(len(group["rules"]) for group in rules["groups"]) > 40
    assert all(len(group["rules"]) <= 20 for group in rules["groups"])


def test_prometheus_accepts_the_file(rules, tmp_path, need):
    promtool = need("promtool", get="apt-get install prometheus")
    ran = subprocess.run(
        [promtool, "check", "rules", tmp_path / "thresholds.yaml"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_is_recorded_unless_it_is_asked_for(tmp_path):
    assert build_rules(tmp_path, "build: {}\n") is None
