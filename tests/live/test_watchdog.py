"""The dead man's switch of a real Prometheus and Alertmanager keeps its time, and is silent once the chain breaks."""

from __future__ import annotations

import itertools
import time

import pytest

from deckwatch.core import yaml_file
from deckwatch.core.project import FILE, Project
from deckwatch.provisioning.servers import ALERTMANAGER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = pytest.mark.live

GET = "apt-get install prometheus prometheus-alertmanager"
REPEAT_SECONDS = 4
RESEND_SECONDS = 1
WATCHDOG = {"alertname": "Watchdog", "severity": "info", "owner": "operations", "topic": "deckwatch"}


def test_the_switch_receives_repeated_messages_while_alerts_of_the_team_wait(tmp_path, inbox, need):
    need("prometheus", get=GET)
    need("prometheus-alertmanager", "alertmanager", get=GET)
    text = (
        f"watchdog: {{webhook: {{url: '{inbox.url}/switch'}}, repeat: {REPEAT_SECONDS}s}}\n"
        f"teams: {{operations: {{webhook: {{url: '{inbox.url}/team'}}, quiet: always}}}}\n"
        "quiet: {always: {from: '00:00', to: '24:00'}}\n"
    )
    (tmp_path / FILE).write_text(text)
    project = Project(tmp_path, yaml_file.parse_yaml(text, FILE))
    times: list[float] = []
    stack = LocalStack(project, tmp_path / "state", programs=(PROMETHEUS, ALERTMANAGER), every="1s", ports={})
    stack.prometheus_arguments = [f"--rules.alert.resend-delay={RESEND_SECONDS}s"]
    with stack:
        deadline = time.monotonic() + 120
        while len(times) < 4:
            assert time.monotonic() < deadline, inbox.posts
            if len(inbox.bodies("/switch")) > len(times):
                times.append(time.monotonic())
            time.sleep(0.05)
        stack.running[PROMETHEUS].stop()
        time.sleep(4 * RESEND_SECONDS + REPEAT_SECONDS)  # Prometheus' alerts are valid for four delays
        received = len(inbox.bodies("/switch"))
        time.sleep(1.5 * REPEAT_SECONDS)
        assert len(inbox.bodies("/switch")) == received
        assert not inbox.alerts("/switch", "resolved")
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(REPEAT_SECONDS / 2 < gap < 2 * REPEAT_SECONDS for gap in gaps), gaps
    assert {alert["alertname"] for alert in inbox.alerts("/switch")} == {"Watchdog"}
    assert not inbox.alerts("/team", alertname="Watchdog")


def test_the_end_of_the_alert_is_silence_and_not_a_message(start_alertmanager, inbox):
    alertmanager = start_alertmanager(f"watchdog: {{webhook: {{url: '{inbox.url}/switch'}}, repeat: 1s}}\n")
    alertmanager.fire(WATCHDOG)
    inbox.wait(lambda: len(inbox.bodies("/switch")) >= 3)
    alertmanager.end(WATCHDOG)
    time.sleep(2)
    received = len(inbox.bodies("/switch"))
    time.sleep(3)
    assert len(inbox.bodies("/switch")) == received
    assert not inbox.alerts("/switch", "resolved")
