"""The exported mixin, evaluated as third-party tools do: by the reference engine, from files, with its own imports."""

import json
import subprocess
from pathlib import Path

import _jsonnet
import pytest
import rjsonnet
import yaml

from deckwatch.core import plugins
from deckwatch.core.project import load_project
from deckwatch.provisioning import stack
from deckwatch.provisioning.write import write_plan

ROOT = Path(__file__).parents[2]
PROMTOOL = "promtool"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The shipped set, exported as a mixin."""
    folder = tmp_path_factory.mktemp("mixin") / "deckwatch"
    project = load_project(tmp_path_factory.mktemp("none"), plugins.schema_fragments())
    write_plan(stack.build(project, stack.Options(form="mixin")).plan, folder)
    return folder


def evaluate(folder, what, settings="{}"):
    return json.loads(_jsonnet.evaluate_snippet("x.jsonnet", mixin_program(what, settings), jpathdir=[str(folder)]))


def mixin_program(what, settings="{}"):
    return f"local m = (import 'mixin.libsonnet') + {{ _config+:: {settings} }}; {what}"


def test_its_dashboards_are_those_of_the_bundle(folder):
    bundled = {path.name: json.loads(path.read_text()) for path in (ROOT / "provisioning/out/grafana").rglob("*.json")}
    assert len(bundled) >= 5
    assert evaluate(folder, "m.grafanaDashboards") == bundled


def test_its_rules_are_those_of_the_bundle_each_once(folder):
    bundled = [
        rule
        for path in sorted((ROOT / "provisioning/out/prometheus/rules").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    for rule in bundled:
        if "alert" in rule:  # a mixin's runbooks have a base URL, which is a setting
            rule["annotations"]["runbook_url"] = rule["annotations"].pop("runbook")
    groups_by_kind = evaluate(folder, "[m.prometheusRules, m.prometheusAlerts]")
    rules, alerts = ([rule for group in one["groups"] for rule in group["rules"]] for one in groups_by_kind)
    assert {one["record"] for one in rules} == {one["record"] for one in bundled if "record" in one}
    assert sorted(alerts, key=str) == sorted((one for one in bundled if "alert" in one), key=str)


def test_promtool_accepts_the_output_of_mixin_tools(folder, tmp_path, need):
    promtool = need(PROMTOOL, get="apt-get install prometheus")
    for name in ("prometheusAlerts", "prometheusRules"):
        path = tmp_path / f"{name}.yaml"
        # The mixin tools have std.manifestYamlDoc built in, as this engine has; the reference engine takes 10 s each.
        path.write_text(
            json.loads(
                rjsonnet.evaluate_snippet(
                    "x.jsonnet", mixin_program(f"std.manifestYamlDoc(m.{name})"), jpathdir=[str(folder)]
                )
            )
        )
        ran = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "SUCCESS" in ran.stdout


def test_it_can_be_added_to_other_mixins(folder):
    other = "{ grafanaDashboards+:: { 'a.json': {} }, prometheusAlerts+:: { groups+: [{ name: 'a', rules: [] }] } }"
    both = evaluate(folder, f"local b = {other} + m + {other}; [b.grafanaDashboards, b.prometheusAlerts.groups]")
    alone = evaluate(folder, "[m.grafanaDashboards, m.prometheusAlerts.groups]")
    assert set(both[0]) == set(alone[0]) | {"a.json"}
    assert [one["name"] for one in both[1]] == ["a", *(one["name"] for one in alone[1]), "a"]


def test_each_setting_has_its_effect(folder):
    settings = (
        "{ dashboardPrefix: 'Ops / ', dashboardTags: ['ops'], dashboardRefresh: '5m', grafanaUrl: 'https://g.example', "
        "runbookUrl: 'https://w.example/books', alertLabels: { team: 'a' }, disable: ['HostClockSkew'] }"
    )
    dashboards, alerts = evaluate(folder, "[m.grafanaDashboards, m.prometheusAlerts.groups]", settings)
    assert all(one["title"].startswith("Ops / ") and one["refresh"] == "5m" for one in dashboards.values())
    assert all(one["tags"][-1] == "ops" for one in dashboards.values())
    rules = [rule for group in alerts for rule in group["rules"]]
    assert "HostClockSkew" not in {one["alert"] for one in rules}
    assert all(one["labels"]["team"] == "a" for one in rules)
    links = [one["annotations"] for one in rules]
    assert all(one["dashboard_url"].startswith("https://g.example/d/") for one in links if "dashboard_url" in one)
    assert all(one["runbook_url"].startswith("https://w.example/books/") for one in links)
    known = {
        line.split(":")[0].strip()
        for line in (folder / "config.libsonnet").read_text().splitlines()
        if ",  // " in line
    }
    assert known == {one.split(":")[0].strip(" {") for one in settings.split(", ") if ":" in one} - {""}
