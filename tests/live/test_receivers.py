"""What a real Alertmanager sends to each service, as the service documents it, of a container with a hostile name.

Secrets stand in files, which the Alertmanager that is installed may not know for each kind: then what stands in the
file is put in its place. Pushover's address cannot be set, and kinds that are newer than this Alertmanager cannot be
asked: test_receivers.py in tests/alerting renders their messages.
"""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from deckwatch.core.http import Client
from deckwatch.core.targets import Targets, parse_version
from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

HOSTILE = 'shop](https://evil.example)<!channel>\n\nOver: all is well <b>*"@everyone"*</b>'
FIRING = {
    "alertname": "ContainerNotRunning",
    "topic": "containers",
    "severity": "critical",
    "owner": "operations",
    "job": "cadvisor",
    "instance": "web-1",
    "name": HOSTILE,
}
TEXTS = {
    "summary": "A container that should run is stopped.",
    "description": f"web-1 {HOSTILE}: A container that should run is stopped.",
    "runbook_url": "https://wiki.example/runbooks/ContainerNotRunning.md",
    "dashboard_url": "https://grafana.example/d/containers?var-name=shop%5D",
}
EVIL = "evil.example"
KEY = "of-this-test"
TELEGRAM = '{"ok": true, "result": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "group"}}}'
SNS = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"


def inlined(config: Path, url: str, files: Path) -> None:
    """Change a configuration: what no version has an address for gets one, and 0.25 gets secrets in place."""
    data = yaml.safe_load(config.read_text())
    data["route"] |= {"group_wait": "100ms", "group_interval": "500ms"}
    for receiver in data["receivers"]:
        for one in receiver.get("discord_configs", ()):
            one["webhook_url"] = Path(one.pop("webhook_url_file")).read_text()
        for one in receiver.get("telegram_configs", ()):
            one |= {"api_url": url, "bot_token": Path(one.pop("bot_token_file")).read_text()}
    config.write_text(yaml.safe_dump(data))
    assert str(files) in config.read_text(), "the other secrets are read from files"


@pytest.fixture
def sent(need, alerting_of, inbox, tmp_path):
    """Fire the alert at one team of each kind and end it; return what came by path."""
    program = need("alertmanager", "prometheus-alertmanager", get="apt-get install prometheus-alertmanager")
    process = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"version (\d+\.\d+)", process.stdout + process.stderr)[1]
    need.that(parse_version(version) >= (0, 25), f"Alertmanager 0.25, here is {version}")
    files = tmp_path / "secrets"
    files.mkdir()
    for name, text in {"slack": f"{inbox.url}/slack", "discord": f"{inbox.url}/discord"}.items():
        (files / name).write_text(text)
    (files / "key").write_text(KEY)
    inbox.answers[f"/bot{KEY}/sendMessage"] = TELEGRAM
    inbox.answers["/sns/"] = SNS
    project = f"""\
teams:
  slack: {{slack: {{channel: "#shop", url_file: {files}/slack}}}}
  discord: {{discord: {{url_file: {files}/discord}}}}
  pagerduty: {{pagerduty: {{key_file: {files}/key, url: "{inbox.url}/pagerduty"}}}}
  opsgenie: {{opsgenie: {{key_file: {files}/key, url: "{inbox.url}/opsgenie/", team: operations}}}}
  telegram: {{telegram: {{token_file: {files}/key, chat: -100123}}}}
  sns: {{sns: {{region: eu-central-1, phone: "+4930123456", url: "{inbox.url}/sns/"}}}}
  webhook: {{webhook: {{url: "{inbox.url}/webhook"}}}}
  mail: {{email: {{to: oncall@example.org, from: deckwatch@example.org, server: "{inbox.mail}", tls: false}}}}
routes:
  - {{severity: critical, to: [slack, discord, pagerduty, opsgenie, telegram, sns, webhook, mail]}}
"""
    built = alerting_of(project=project, shipped=True, targets=Targets(alertmanager="0.28"))
    assert built.problem_lines() == []
    path = built.write(tmp_path) / "alertmanager/alertmanager.yml"
    inlined(path, inbox.url, files)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    argv = [
        program,
        f"--config.file={path}",
        f"--storage.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.external-url=https://alertmanager.example",
        "--web.route-prefix=/",
        "--cluster.listen-address=",
    ]
    environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY}
    with (
        Program("alertmanager", argv, tmp_path / "log", f"{base}/-/ready", environment=environment) as running,
        Client(base) as client,
    ):
        begun = datetime.now(UTC) - timedelta(minutes=1)

        def tell(rest: timedelta) -> None:
            ends = (datetime.now(UTC) + rest).isoformat()
            one = {"labels": FIRING, "annotations": TEXTS, "startsAt": begun.isoformat(), "endsAt": ends}
            client.post("/api/v2/alerts", json=[one])

        tell(timedelta(minutes=5))
        paths = (
            "/slack",
            "/discord",
            "/pagerduty",
            "/opsgenie/v2/alerts",
            f"/bot{KEY}/sendMessage",
            "/sns/",
            "/webhook",
        )
        inbox.wait(lambda: inbox.mails and all(inbox.bodies(path) for path in paths))
        yield {path.strip("/"): inbox.bodies(path)[0] for path in paths} | {"mail": inbox.mails[0]}
        tell(timedelta(seconds=-1))
        inbox.wait(lambda: inbox.alerts("/webhook", "resolved") and len(inbox.bodies("/discord")) > 1)
        assert "err=" not in running.log.read_text()


def test_each_service_gets_what_it_documents_and_no_name_breaks_out(sent):
    slack = sent["slack"]["attachments"][0]
    assert slack["title"].startswith("CRITICAL: ContainerNotRunning on web-1, shop](https://evil.example)&lt;!channel")
    assert slack["mrkdwn_in"] == ["pretext"]
    assert re.findall(r"<([^|>]+)\|([^>]+)>", slack["text"])[:2] == [
        (TEXTS["dashboard_url"], "Dashboard"),
        (TEXTS["runbook_url"], "What to do"),
    ]
    assert "<!channel" not in slack["text"]

    (embed,) = sent["discord"]["embeds"]  # https://discord.com/developers/docs/resources/webhook#execute-webhook
    assert "content" not in sent["discord"] or not sent["discord"]["content"]
    assert r"shop\]\(https\://evil.example\)\<\!channel\>" in embed["description"]
    assert f"[Dashboard]({TEXTS['dashboard_url']})" in embed["description"]

    event = sent["pagerduty"]  # https://developer.pagerduty.com/docs/events-api-v2-overview
    assert (event["routing_key"], event["event_action"]) == (KEY, "trigger")
    assert event["dedup_key"]
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["source"] == "web-1"
    assert event["payload"]["summary"].startswith("CRITICAL: ContainerNotRunning on web-1")
    assert "\n" not in event["payload"]["summary"]
    assert event["links"][0] == {"href": TEXTS["dashboard_url"], "text": "Dashboard"}

    alert = sent["opsgenie/v2/alerts"]  # https://docs.opsgenie.com/docs/alert-api#create-alert
    assert (alert["priority"], alert["tags"]) == ("P1", ["critical", "containers"])
    assert alert["responders"] == [{"name": "operations", "type": "team"}]
    assert len(alert["message"]) <= 130
    assert "<" not in alert["description"]

    chat = sent[f"bot{KEY}/sendMessage"]  # https://core.telegram.org/bots/api#sendmessage
    assert (chat["chat_id"], chat["parse_mode"]) == ("-100123", "HTML")
    assert set(re.findall(r"<(/?\w+)", chat["text"])) == {"b", "/b", "a", "/a"}
    assert not [link for link in re.findall(r'href="([^"]*)"', chat["text"]) if EVIL in link.partition("?")[0]]

    text = sent["sns"]  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    assert (text["Action"], text["PhoneNumber"]) == ("Publish", "+4930123456")
    assert text["Message"].startswith("CRITICAL: ContainerNotRunning on web-1, shop")
    assert text["Message"].isascii()

    (delivered,) = sent["webhook"]["alerts"]
    assert (sent["webhook"]["version"], delivered["labels"]) == ("4", FIRING)
    for lines in (slack["text"], embed["description"], chat["text"], text["Message"]):
        assert not [line for line in lines.splitlines() if line.startswith("Over:")]
