"""A real Alertmanager with the generated configuration: what is delivered, what is inhibited, what is not sent."""

from __future__ import annotations

import email
import socket
import time

import pytest

pytestmark = pytest.mark.live

STOPPED = {
    "alertname": "ContainerNotRunning",
    "topic": "containers",
    "severity": "critical",
    "owner": "operations",
    "job": "cadvisor",
    "instance": "web-1",
    "name": "shop",
    "state": "exited",
}
BLIND = {
    "alertname": "CollectorBlind",
    "topic": "deckwatch",
    "severity": "error",
    "owner": "operations",
    "job": "cadvisor",
    "instance": "web-1",
    "collector": "container_state",
}


@pytest.fixture
def alertmanager(start_alertmanager, inbox, tmp_path):
    (tmp_path / "slack").write_text(f"{inbox.url}/slack")
    return start_alertmanager(f"""\
teams:
  operations: {{webhook: {{url: "{inbox.url}/operations"}}}}
  shop: {{slack: {{channel: "#shop", url_file: {tmp_path}/slack}}}}
  oncall: {{email: {{to: oncall@example.org, from: deckwatch@example.org, server: "{inbox.mail}", tls: false}}}}
routes:
  - {{alert: ContainerNotRunning, to: [shop, oncall, operations]}}
""")


def test_an_alert_reaches_all_teams_of_its_route_with_texts_filled_in(alertmanager, inbox):
    texts = alertmanager.texts
    alertmanager.fire(STOPPED)
    inbox.wait(lambda: STOPPED in inbox.alerts("/operations"))
    (messages,) = inbox.wait(lambda: inbox.bodies("/slack"))[:1]
    assert messages["channel"] == "#shop"
    (shown,) = messages["attachments"]
    assert shown["title"] == "CRITICAL: ContainerNotRunning on web-1, shop"
    assert shown["title_link"] == texts["dashboard_url"]
    assert texts["description"] in shown["text"]
    assert texts["runbook_url"] in shown["text"]
    (text,) = inbox.wait(lambda: inbox.mails)[:1]
    mail = email.message_from_string(text)
    assert mail["Subject"] == "CRITICAL: ContainerNotRunning on web-1, shop"
    parts = [part for part in mail.walk() if part.get_content_type() == "text/html"]
    page = parts[0].get_payload(decode=True).decode()
    assert texts["description"] in page
    assert f'<a href="{texts["runbook_url"]}">' in page
    alertmanager.end(STOPPED)
    inbox.wait(lambda: STOPPED in inbox.alerts("/operations", "resolved"))
    over = inbox.wait(lambda: inbox.bodies("/slack")[1:])[0]["attachments"][0]
    assert over["title"].startswith("OVER: ContainerNotRunning")


def test_a_blind_collector_keeps_silent_what_it_feeds_on_the_same_machine_only(alertmanager, inbox):
    elsewhere = STOPPED | {"instance": "web-2"}
    alertmanager.fire(BLIND)
    inbox.wait(lambda: BLIND in inbox.alerts("/operations"))
    alertmanager.fire(STOPPED, elsewhere)
    inbox.wait(lambda: elsewhere in inbox.alerts("/operations"))
    time.sleep(1.5)  # three times as long as a group waits
    assert STOPPED not in inbox.alerts("/operations")
    assert alertmanager.state(STOPPED) == "suppressed"


def test_an_alert_does_not_resolve_while_its_collector_is_blind(alertmanager, inbox):
    alertmanager.fire(STOPPED)
    inbox.wait(lambda: STOPPED in inbox.alerts("/operations"))
    alertmanager.fire(BLIND)
    inbox.wait(lambda: BLIND in inbox.alerts("/operations"))
    alertmanager.end(STOPPED)
    time.sleep(1.5)
    assert STOPPED not in inbox.alerts("/operations", "resolved")


def test_the_more_severe_alert_of_a_family_keeps_the_milder_one_silent(alertmanager, inbox):
    common = {"topic": "host", "owner": "operations", "instance": "web-1"}
    milder = common | {"alertname": "HostMemoryHigh", "severity": "warning"}
    worse = common | {"alertname": "HostMemoryCritical", "severity": "critical"}
    alertmanager.fire(worse)
    inbox.wait(lambda: worse in inbox.alerts("/operations"))
    alertmanager.fire(milder, milder | {"instance": "web-2"})
    inbox.wait(lambda: milder | {"instance": "web-2"} in inbox.alerts("/operations"))
    time.sleep(1.5)
    assert milder not in inbox.alerts("/operations")


def test_an_alert_that_is_only_shown_is_not_sent(alertmanager, inbox):
    shown = {"alertname": "Watchdog", "severity": "info", "owner": "operations", "topic": "deckwatch"}
    alertmanager.fire(shown, BLIND)
    inbox.wait(lambda: BLIND in inbox.alerts("/operations"))
    time.sleep(1)
    assert shown not in inbox.alerts("/operations")
    assert alertmanager.state(shown) == "active"


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_an_alertmanager_that_starts_again_loses_nothing_and_repeats_at_most_once(alertmanager, inbox, how):
    elsewhere = BLIND | {"instance": "web-2"}  # which explains nothing here
    alertmanager.fire(STOPPED)
    inbox.wait(lambda: STOPPED in inbox.alerts("/operations"))
    if how == "killed":
        alertmanager.program.process.kill()
    alertmanager.program.stop()
    alertmanager.program.start().wait_ready()
    alertmanager.fire(STOPPED, elsewhere)  # Prometheus sends all firing alerts repeatedly
    inbox.wait(lambda: elsewhere in inbox.alerts("/operations"))
    time.sleep(1.5)
    messages = [body for body in inbox.bodies("/operations") if STOPPED in [one["labels"] for one in body["alerts"]]]
    assert len(messages) <= 2
    assert len({body["groupKey"] for body in messages}) == 1
    alertmanager.end(STOPPED)
    inbox.wait(lambda: STOPPED in inbox.alerts("/operations", "resolved"))


@pytest.mark.parametrize("status", [500, 404])
def test_a_channel_that_refuses_gets_it_later_and_no_other_waits_for_it(alertmanager, inbox, status):
    inbox.refuses.add("/slack")
    inbox.refusal = status
    alertmanager.fire(STOPPED)
    inbox.wait(lambda: STOPPED in inbox.alerts("/operations") and inbox.mails and inbox.bodies("/slack"))
    tried = len(inbox.bodies("/slack"))
    inbox.refuses.clear()
    inbox.wait(lambda: len(inbox.bodies("/slack")) > tried)
    time.sleep(1.5)
    after = inbox.bodies("/slack")[tried:]
    assert len(after) == 1, "it is not sent again once it was taken"


def test_a_channel_that_hangs_gets_it_later_and_no_other_waits_for_it(alertmanager, inbox, tmp_path):
    address = tmp_path / "slack"
    answering = address.read_text()
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # it takes connections, and nobody reads
        address.write_text(f"http://127.0.0.1:{hanging.getsockname()[1]}/slack")
        alertmanager.fire(STOPPED)
        inbox.wait(lambda: STOPPED in inbox.alerts("/operations") and inbox.mails)
        taken, _ = hanging.accept()
        address.write_text(answering)
        inbox.wait(lambda: inbox.bodies("/slack"))  # when Alertmanager has given the other one up
        taken.close()
    time.sleep(1.5)
    assert len(inbox.bodies("/slack")) == 1
