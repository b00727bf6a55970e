"""How many messages: a machine on which everything fails sends each team one message, and so does a reboot."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from deckwatch.alerting import inhibitions

pytestmark = pytest.mark.live

JOBS = {
    "host": "node",
    "host_totals": "node",
    "containers": "cadvisor",
    "postgres": "postgres",
    "application": "blackbox",
}
SAME = {"instance": "web-1", "host": "web-1", "server": "main", "service": "shop"}
INSTANCES = {"postgres": "main", "blackbox": "https://shop.example/{}"}  # where it is not the machine
SEVERAL = 10  # of each disk, container, database and whatever else there are several of on a machine
REBOOTED = {"alertname": "HostRebooted", "topic": "host", "severity": "warning", "owner": "operations"}


@pytest.fixture
def alertmanager(start_alertmanager, inbox):
    found = start_alertmanager(
        f"""\
teams:
  operations: {{webhook: {{url: "{inbox.url}/operations"}}}}
  oncall: {{webhook: {{url: "{inbox.url}/oncall"}}}}
routes:
  - {{severity: critical, to: oncall}}
watch:
  probes:
    - {{service: shop, http: "https://shop.example/health"}}
""",
        group_wait="1s",
    )
    found.age = timedelta()  # all of it begins now
    return found


def firing(shipped, *topics):
    """Return the labels with which all alerts of these topics fire that belong to the machine web-1."""
    found = []
    for alert in shipped.context.iter_alerts():
        carried = inhibitions.possible_labels(alert, shipped.context)
        # An application's own metrics are on its page; those of a machine come from its exporter.
        if (
            alert.topic not in topics
            or "instance" not in carried
            or (alert.topic == "application") > ("kind" in carried)
        ):
            continue
        own = {"alertname": alert.name, "severity": alert.severity, "owner": alert.owner, "topic": alert.topic}
        there = {name: SAME[name] for name in carried if name in SAME and name not in ("instance", "host")} | own
        several = [name for name in alert.each if name not in SAME and name != "job"]
        job = JOBS.get(alert.topic, "deckwatch")
        found += [
            there | labels_of_job(alert, one, i) | dict.fromkeys(several, f"x{i}")
            for one in ((*set(JOBS.values()), "deckwatch") if "job" in alert.each else (job,))
            for i in range(SEVERAL if several or one == "blackbox" else 1)
        ]
    return found


def labels_of_job(alert, job, number):
    """Return the labels of a target of the machine in this job, and `host` where the alert itself has it."""
    labels = {"job": job, "instance": INSTANCES.get(job, "web-1").format(number)}
    return labels | ({"host": "web-1"} if job in INSTANCES or "host" in alert.labels else {})


def messages_about(inbox, path):
    """Return the messages on the machine, as the sets of alerts' names in each."""
    found = [[one["labels"] for one in body["alerts"]] for body in inbox.bodies(path)]
    of_machine = [alerts for alerts in found if "web-1" in (alerts[0].get("instance"), alerts[0].get("host"))]
    return sorted(({one["alertname"] for one in alerts} for alerts in of_machine), key=len, reverse=True)


def test_a_machine_that_is_gone_is_one_message_whatever_else_fires(alertmanager, inbox, shipped_alerting):
    alerts = firing(shipped_alerting, "host", "host_totals", "containers", "application", "postgres", "deckwatch")
    assert len(alerts) > 100
    alertmanager.fire(*alerts)
    inbox.wait(lambda: inbox.bodies("/oncall"))
    time.sleep(3)  # some more times as long as a group waits
    assert messages_about(inbox, "/oncall") == [{"ExporterDown"}]
    assert messages_about(inbox, "/operations") == []


def test_a_machine_on_which_everything_fails_is_one_message_to_each_team(alertmanager, inbox, shipped_alerting):
    alerts = firing(shipped_alerting, "host", "containers", "application")
    assert len(alerts) > 100
    alertmanager.fire(*alerts)
    inbox.wait(lambda: messages_about(inbox, "/oncall") and messages_about(inbox, "/operations"))
    time.sleep(3)
    (critical,), (others, probes) = messages_about(inbox, "/oncall"), messages_about(inbox, "/operations")
    assert probes == {"DependencyDown"}, "those on all targets of its probes are a message of their own"
    assert {"ContainerNotRunning", "ContainerUnhealthy", "HostMemoryCritical"} <= critical
    assert {"HostCpuHigh", "HostOomKill", "ContainerRestartLoop"} <= others
    assert "HostMemoryHigh" not in others, "the worse alert of its family fires"


def test_each_machine_has_a_message_of_its_own_and_a_reboot_is_one(alertmanager, inbox):
    alertmanager.fire(*(REBOOTED | {"job": "node", "instance": name} for name in ("web-1", "web-2")))
    inbox.wait(lambda: len(inbox.bodies("/operations")) == 2)
    time.sleep(3)
    assert [len(body["alerts"]) for body in inbox.bodies("/operations")] == [1, 1]
    assert inbox.bodies("/oncall") == []
