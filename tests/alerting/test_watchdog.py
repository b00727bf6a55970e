"""The dead man's switch: `watchdog:` of a project."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from deckwatch.alerting.resolve_route import resolve_recipients
from deckwatch.core import yaml_file
from deckwatch.core.project import FILE, Project
from deckwatch.core.targets import Targets

SWITCH = "watchdog: {webhook: {url: 'http://127.0.0.1:9/switch'}, repeat: 1m}\n"
TEAMS = """\
teams:
  operations: {webhook: {url: "http://127.0.0.1:9/ops"}, quiet: nights, hours: {from: "08:00", to: "18:00"}}
quiet: {nights: {from: "22:00", to: "06:00"}}
routes: [{severity: info, to: operations, quiet: nights}]
"""


def config(built):
    return yaml.safe_load(built.texts()["alertmanager/alertmanager.yml"])


def build(alerting_of, project, **settings):
    return alerting_of(project=project, shipped=True, targets=Targets(alertmanager="0.25"), **settings)


def test_the_switch_is_the_first_route_and_nothing_mutes_it(alerting_of):
    built = build(alerting_of, SWITCH + TEAMS)
    assert built.problem_lines() == []
    generated = config(built)
    assert generated["route"]["routes"][0] == {
        "matchers": ['alertname="Watchdog"'],
        "receiver": "Watchdog",
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": "30s",
        "repeat_interval": "45s",
    }
    (receiver,) = [one for one in generated["receivers"] if one["name"] == "Watchdog"]
    assert receiver["webhook_configs"] == [{"send_resolved": False, "url": "http://127.0.0.1:9/switch"}]
    targets = [" ".join(rule["target_matchers"]) for rule in generated["inhibit_rules"]]
    assert not [target for target in targets if "Watchdog" in target or target == 'topic="deckwatch"']


def test_without_the_section_the_alert_is_not_sent(alerting_of):
    generated = config(
        build(alerting_of, TEAMS.replace("routes: [{severity: info, to: operations, quiet: nights}]", ""))
    )
    assert "Watchdog" not in [receiver["name"] for receiver in generated["receivers"]]


@pytest.mark.parametrize("teams", ["", TEAMS])
def test_alertmanager_accepts_it_and_sends_the_alert_there(alerting_of, tmp_path, need, teams):
    amtool = need("amtool", get="apt-get install prometheus-alertmanager")
    path = build(alerting_of, SWITCH + teams).write(tmp_path) / "alertmanager/alertmanager.yml"
    checked = subprocess.run([amtool, "check-config", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    argv = [amtool, "config", "routes", "test", f"--config.file={path}", "alertname=Watchdog", "severity=info"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip() == "Watchdog"


@pytest.mark.parametrize(
    ("repeat", "intervals"),
    [("5m", ("150s", "225s")), ("1h", ("1800s", "2700s")), ("1s", ("500ms", "750ms"))],
)
def test_alertmanager_sends_at_every_second_group_interval(alerting_of, repeat, intervals):
    route = config(build(alerting_of, SWITCH.replace("1m", repeat)))["route"]["routes"][0]
    assert (route["group_interval"], route["repeat_interval"]) == intervals


@pytest.mark.parametrize(
    ("project", "problem"),
    [
        (
            "watchdog: {repeat: 1m}\n",
            "1:1: error: watchdog has no receiver (such as webhook: {url_file: /run/secrets/switch})",
        ),
        ("watchdog: {webhok: {}}\n", "1:12: error: unknown key webhok (did you mean webhook?)"),
        ("watchdog: {webhook: {ur: x}}\n", "1:22: error: unknown key ur (did you mean url?)"),
        ("watchdog: {telegram: {token_file: /x, chat: 1}}\n", "1:12: error: telegram needs Alertmanager 0.26"),
        (SWITCH + TEAMS.replace("severity: info", "alert: Watchdog"), "5:10: error: this route has no effect"),
    ],
)
def test_a_mistake_is_reported_at_its_place(alerting_of, project, problem):
    lines = build(alerting_of, project).problem_lines()
    assert any(line.startswith((problem, f"deckwatch.yaml:{problem}")) for line in lines), lines


def test_the_route_is_explained():
    project = Project(Path(), yaml_file.parse_yaml(SWITCH + TEAMS, FILE))
    (recipient,) = resolve_recipients(project, {"alertname": "Watchdog", "severity": "info"})
    assert (recipient.team, recipient.why, recipient.place) == (
        "watchdog",
        "it is the dead man's switch",
        "deckwatch.yaml:1:1",
    )
