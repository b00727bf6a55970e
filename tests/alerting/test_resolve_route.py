"""The receivers of an alert as `deckwatch alerts route` resolves them, compared with amtool."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch.alerting import resolve_route
from deckwatch.core import yaml_file
from deckwatch.core.project import FILE, Project
from deckwatch.core.targets import Targets

TEXT = """\
quiet:
  night: {from: "23:00", to: "05:00"}
teams:
  operations: {webhook: {url: "http://127.0.0.1:9/"}}
  shop: {webhook: {url: "http://127.0.0.1:9/"}, hours: {from: "08:00", to: "18:00"}, quiet: night}
  oncall: {webhook: {url: "http://127.0.0.1:9/"}}
routes:
  - {severity: critical, topic: [host, containers], to: [oncall, shop], then: [{after: 15m, to: operations}]}
  - {alert: Watchdog, to: oncall}
  - {labels: {service: [shop, "c.rt"]}, to: shop, quiet: [night]}
"""
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "alertname": st.sampled_from(["Watchdog", "HostCpuHigh", "NotificationTest"]),
        "severity": st.sampled_from(["info", "warning", "critical"]),
        "topic": st.sampled_from(["host", "containers", "shop"]),
        "owner": st.sampled_from(["operations", "shop", "nobody-we-know"]),
        "service": st.sampled_from(["shop", "cart", "c.rt"]),
        "escalation": st.sampled_from(["operations", "shop"]),
        "team": st.sampled_from(["shop", "oncall"]),
    },
)


@pytest.fixture(scope="module")
def project():
    return Project(Path(), yaml_file.parse_yaml(TEXT, FILE))


@pytest.fixture(scope="module")
def ask(need, alerting_of, tmp_path_factory):
    amtool = need("amtool", get="apt-get install prometheus-alertmanager")
    built = alerting_of(project=TEXT, shipped=True, targets=Targets(alertmanager="0.25"))
    assert built.problem_lines() == []
    path = built.write(tmp_path_factory.mktemp("config")) / "alertmanager/alertmanager.yml"

    def of(labels):
        words = [f"{key}={value}" for key, value in labels.items()]
        asked = [amtool, "config", "routes", "test", f"--config.file={path}", *words]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip().split(",")

    return of


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=LABELS)
def test_alertmanager_would_tell_the_same(ask, project, labels):
    assert [one.team for one in resolve_route.resolve_recipients(project, labels)] == ask(labels)


def test_what_is_said_of_each(project):
    first, second = resolve_route.resolve_recipients(project, {"severity": "critical", "topic": "host"})
    assert (first.team, first.hours, first.quiet, first.escalation) == ("oncall", False, (), (("15m", "operations"),))
    assert (second.team, second.hours, second.quiet) == ("shop", True, ("night",))
    assert first.why == "topic is one of host|containers, severity is critical"
    assert first.place == "deckwatch.yaml:8:5"
    (owned,) = resolve_route.resolve_recipients(project, {"owner": "shop", "severity": "warning"})
    assert (owned.why, owned.place) == ("the team owns it", "deckwatch.yaml:5:3")
    (shipped,) = resolve_route.resolve_recipients(project, {"severity": "info"})
    assert (shipped.team, shipped.why) == ("nobody", "shipped: severity is info")
    assert shipped.place.startswith("alerting/routes.yaml:")
    (rest,) = resolve_route.resolve_recipients(project, {})
    assert (rest.team, rest.why) == ("operations", "no route matches: the first team is the default")


def test_a_named_alert_brings_its_own_labels(shipped_alerting):
    alerts = list(shipped_alerting.context.iter_alerts())
    found = resolve_route.complete_labels({"alertname": "ContainerNotRunning", "owner": "shop"}, alerts)
    assert found == {"alertname": "ContainerNotRunning", "owner": "shop", "severity": "critical", "topic": "containers"}
    with pytest.raises(ValueError, match="did you mean ContainerNotRunning"):
        resolve_route.complete_labels({"alertname": "ContainerNotRuning"}, alerts)
