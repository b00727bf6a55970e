"""The routing tree, tested with amtool."""

import subprocess

import pytest
import yaml

from deckwatch.core.targets import Targets

PROJECT = """\
teams:
  operations: {webhook: {url: "http://127.0.0.1:9/ops"}}
  shop:
    slack: {channel: "#shop", url_file: /run/secrets/slack}
    hours: {days: {from: saturday, to: monday}, from: "08:00", to: "18:00", zone: Europe/Berlin}
  oncall:
    webhook: {url: "http://127.0.0.1:9/oncall", resolved: false}
    email:
      {to: [a@example.org, b@example.org], from: w@example.org, server: "mail.example:25", user: w, password_file: /p}
routes:
  - {severity: critical, topic: [host, containers], to: [oncall, shop]}
  - {alert: Watchdog, to: oncall}
  - {labels: {service: [shop, cart]}, to: shop}
"""


@pytest.fixture(scope="module")
def amtool(need):
    return need("amtool", get="apt-get install prometheus-alertmanager")


def config(built):
    return yaml.safe_load(built.texts()["alertmanager/alertmanager.yml"])


def checked(amtool, built, folder):
    path = built.write(folder) / "alertmanager/alertmanager.yml"
    done = subprocess.run([amtool, "check-config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("alertname=ContainerNotRunning topic=containers severity=critical owner=operations", "oncall,shop"),
        ("alertname=HostCpuHigh topic=host severity=warning owner=operations", "operations"),
        ("alertname=ApplicationSlow topic=application severity=warning owner=operations service=cart", "shop"),
        ("alertname=CartFull topic=shop severity=error owner=shop", "shop"),
        ("alertname=Whatever owner=nobody-we-know severity=error", "operations"),
        ("alertname=HostRebooted topic=host severity=warning owner=operations", "operations"),
        ("alertname=PostgresRoleMayWrite topic=postgres severity=info owner=operations", "nobody"),
        ("alertname=Watchdog severity=info", "oncall"),
    ],
)
def test_every_alert_finds_its_receivers(amtool, alerting_of, tmp_path, labels, receivers):
    built = alerting_of(project=PROJECT, shipped=True, targets=Targets(alertmanager="0.25"))
    assert built.problem_lines() == []
    path = checked(amtool, built, tmp_path)
    asked = [
        amtool,
        "config",
        "routes",
        "test",
        f"--config.file={path}",
        f"--verify.receivers={receivers}",
        *labels.split(),
    ]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_teams_the_configuration_is_valid_and_goes_nowhere(amtool, shipped_alerting, tmp_path):
    checked(amtool, shipped_alerting, tmp_path)
    found = config(shipped_alerting)
    assert found["receivers"] == [{"name": "nobody"}]
    assert found["route"]["receiver"] == "nobody"
    assert found["route"]["group_by"] == ["instance"]


def test_hours_hold_for_every_route_to_a_team_and_all_that_is_below(alerting_of):
    found = config(alerting_of(project=PROJECT, shipped=True))
    (interval,) = found["time_intervals"]
    assert interval["name"] == "shop"
    assert interval["time_intervals"] == [
        {
            "times": [{"start_time": "08:00", "end_time": "18:00"}],
            "weekdays": ["saturday", "sunday", "monday"],
            "location": "Europe/Berlin",
        }
    ]
    trials = [one for one in found["route"]["routes"] if 'alertname="NotificationTest"' in one["matchers"]]
    assert {one["receiver"] for one in trials} == {"operations", "shop", "oncall"}, "and they are not kept waiting"
    found["route"]["routes"] = [one for one in found["route"]["routes"] if one not in trials]
    routes = [one for route in found["route"]["routes"] for one in (route, *route.get("routes", ()))]
    assert all("active_time_intervals" in one for one in routes if one.get("receiver") == "shop")
    for route in found["route"]["routes"]:
        if route["receiver"] == "shop":
            assert [one["active_time_intervals"] for one in route["routes"]] == [["shop"]]


def test_secrets_stand_in_files_only(alerting_of):
    receivers = {one["name"]: one for one in config(alerting_of(project=PROJECT, shipped=True))["receivers"]}
    assert receivers["shop"]["slack_configs"][0]["api_url_file"] == "/run/secrets/slack"
    (mail,) = receivers["oncall"]["email_configs"]
    assert (mail["to"], mail["auth_password_file"]) == ("a@example.org, b@example.org", "/p")
    assert receivers["oncall"]["webhook_configs"] == [{"url": "http://127.0.0.1:9/oncall", "send_resolved": False}]


@pytest.mark.parametrize(
    ("project", "wanted"),
    [
        ("teams:\n  a: {slak: {}}\n", "2:7: error: unknown key slak (did you mean slack?)"),
        ("teams:\n  a: {slack: {chanel: x, url_file: y}}\n", "2:15: error: unknown key chanel (did you mean channel?)"),
        (
            "teams:\n  a: {webhook: {url: 'http://u:p@host/'}}\n",
            "2:22: error: 'http://****host/' is not an address without a user",
        ),
        ("teams:\n  a: {webhook: {}}\n", "2:16: error: url_file is missing"),
        (
            "teams:\n  a: {webhook: {url_file: /x}}\n",
            "2:17: error: url_file of webhook needs Alertmanager 0.26, the target is 0.25",
        ),
        (
            "teams:\n  ops: {webhook: {url: 'http://a/'}}\nroutes:\n  - {severity: error, to: opps}\n",
            "4:27: error: no team is called opps (did you mean ops?)",
        ),
        (
            "teams:\n  ops: {webhook: {url: 'http://a/'}}\nroutes:\n  - {alert: HostCpuHihg, to: ops}\n",
            "4:13: error: no alert is called HostCpuHihg (did you mean HostCpuHigh?)",
        ),
        (
            "teams:\n  ops: {webhook: {url: 'http://a/'}, hours: {from: '18:00', to: '08:00'}}\n",
            "2:65: error: 08:00 is not after 18:00",
        ),
        (
            "teams:\n  ops: {webhook: {url: 'http://a/'}, hours: {zone: Europe/Berlni}}\n",
            "2:52: error: no time zone is called Europe/Berlni (did you mean Europe/Berlin?)",
        ),
        (
            "teams:\n  nobody: {webhook: {url: 'http://a/'}}\n",
            "2:3: error: nobody is reserved for alerts",
        ),
    ],
)
def test_a_fault_is_reported_at_its_place(alerting_of, project, wanted):
    lines = alerting_of(project=project, shipped=True, targets=Targets(alertmanager="0.25")).problem_lines()
    assert any(line.startswith(f"deckwatch.yaml:{wanted}") for line in lines), lines


def test_a_newer_alertmanager_knows_more(alerting_of):
    project = "teams:\n  a: {webhook: {url_file: /x}}\n"
    assert alerting_of(project=project, shipped=True, targets=Targets(alertmanager="0.26")).problem_lines() == []


@pytest.mark.parametrize("probes", [True, False])
def test_alerts_on_the_probes_of_a_machine_are_one_group(alerting_of, probes):
    project = (
        "teams: {ops: {webhook: {url: 'http://ops.internal/'}}}\n"
        "routes: [{to: ops}, {topic: host, to: ops, group: [severity]}]\n"
    )
    project += "build: {labels: {cluster: east}}\n"
    project += "watch: {probes: [{service: shop, tcp: 'shop:80'}]}\n" if probes else ""
    texts = alerting_of(project=project, shipped=True).texts()
    routes = yaml.safe_load(texts["alertmanager/alertmanager.yml"])["route"]["routes"]
    of_team = [route for route in routes if route["receiver"] == "ops" and "group_wait" not in route]
    assert {"group_by" in route for route in of_team} == {True, False}
    for route in of_team:
        groups = [child["group_by"] for child in route["routes"] if child["matchers"] == ['job="blackbox"']]
        assert groups == ([["host", "cluster"]] if probes and "group_by" not in route else [])
