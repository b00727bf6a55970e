"""From a figure to a person: an alert fires, is taken on or is not, is escalated or is not, and is over."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from deckwatch.core.http import Client
from deckwatch.core.targets import Targets
from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
ALERTS = """\
title: Shop
owner: operations
alerts:
  ShopQueueLong:
    expr: shop_queue_length
    above: 10
    for: 1m
    keep_firing_for: 3m
    severity: critical
    each: [service]
    summary: Orders wait.
    means: Customers get their goods too late.
    do: [Look at the queue.]
    proof:
      - {give: [{value: 11, for: 5m}], fires: 1m}
      - {give: [{value: 10, for: 5m}], silent: true}
"""
PROJECT = """\
metrics:
  shop_queue_length: {{kind: gauge, labels: [service]}}
  shop_build_info: {{kind: gauge, labels: [service, version]}}
deploys: {{metric: shop_build_info, version: version}}
addresses: {{grafana: https://grafana.example/, runbooks: https://wiki.example/runbooks}}
teams:
  operations: {{webhook: {{url: "{url}/operations"}}}}
  management: {{webhook: {{url: "{url}/management"}}}}
routes:
  - {{severity: critical, to: operations, then: [{{after: 15m, unless: acknowledged, to: management}}]}}
"""
STEP = 'ALERTS{alertstate="firing", escalation="management"}'
OVER_SECONDS = 1.5  # three times as long as a group waits


class Chain:
    def __init__(self, folder, prometheus, alertmanager):
        self.folder = folder
        self.queue = 0
        self.prometheus = Client(prometheus)
        self.alertmanager = alertmanager

    def page(self):
        build = 'shop_build_info{service="shop",version="2.1"} 1'
        return f'shop_queue_length{{service="shop"}} {self.queue}\n{build}\n'

    def step_fires(self):
        return self.prometheus.get("/api/v1/query", query=STEP)["data"]["result"]

    def run(self, *words, code=0):
        argv = [DECKWATCH, "--project", self.folder, "alerts", *words, "--alertmanager", self.alertmanager]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"COLUMNS": "80"})
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def state(self):
        (one,) = json.loads(self.run("list", "--format", "json"))
        return one["state"]


@pytest.fixture
def chain(need, alerting_of, inbox, tmp_path):
    get = "apt-get install prometheus prometheus-alertmanager"
    programs = need("prometheus", get=get), need("alertmanager", "prometheus-alertmanager", get=get)
    text = PROJECT.format(url=inbox.url)
    (tmp_path / "deckwatch.yaml").write_text(text)
    built = alerting_of({"alerts/shop.yaml": ALERTS}, text, targets=Targets(prometheus="2.42", alertmanager="0.25"))
    assert built.problem_lines() == []
    bundle = built.write(tmp_path / "out")
    ports = free_port(), free_port()
    prometheus, alertmanager = (f"http://127.0.0.1:{port}" for port in ports)
    found = Chain(tmp_path, prometheus, alertmanager)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(found.page().encode())

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        # Only the times are changed: waiting is not the test.
        for path in (bundle / "prometheus/rules").glob("*.yaml"):
            path.write_text(
                path.read_text()
                .replace("for: 15m", "for: 8s")
                .replace("for: 1m", "for: 1s")
                .replace("for: 3m", "for: 3s")
            )
        config = bundle / "alertmanager/alertmanager.yml"
        data = yaml.safe_load(config.read_text())
        data["route"] |= {"group_wait": "100ms", "group_interval": "500ms"}
        config.write_text(yaml.safe_dump(data))
        scraped = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{page.server_address[1]}"]}]}
        alertmanager_target = {"static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]}
        settings = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [f"{bundle}/prometheus/rules/*.yaml"],
            "scrape_configs": [scraped],
            "alerting": {"alertmanagers": [alertmanager_target]},
        }
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
        argvs = (
            [
                programs[0],
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/tsdb",
                f"--web.listen-address=127.0.0.1:{ports[0]}",
                "--rules.alert.resend-delay=1s",
            ],
            [
                programs[1],
                f"--config.file={config}",
                f"--storage.path={tmp_path}/data",
                f"--web.listen-address=127.0.0.1:{ports[1]}",
                "--cluster.listen-address=",
            ],
        )
        with (
            Program("alertmanager", argvs[1], tmp_path / "log-a", f"{alertmanager}/-/ready"),
            Program("prometheus", argvs[0], tmp_path / "log-p", f"{prometheus}/-/ready"),
        ):
            yield found
        page.shutdown()


def test_an_acknowledged_alert_is_not_escalated_and_its_end_is_sent(chain, inbox):
    chain.queue = 20
    (first,) = inbox.wait(lambda: inbox.whole_alerts("/operations"))[:1]
    assert first["annotations"]["deploy"].startswith("2.1, since 20")
    output = chain.run("ack", "ShopQueueLong", "service=shop", "--author", "Kim", "--comment", "I look at it")
    assert "acknowledged for 4h: ShopQueueLong" in output
    assert chain.state().startswith("acknowledged: Kim, until ")
    assert max(map(len, chain.run("list").splitlines())) <= 80
    inbox.wait(chain.step_fires)
    time.sleep(OVER_SECONDS)
    assert not inbox.bodies("/management")
    chain.queue = 0
    inbox.wait(lambda: inbox.alerts("/operations", "resolved"))
    inbox.wait(lambda: not chain.step_fires())
    time.sleep(OVER_SECONDS)
    assert not inbox.bodies("/management")
    assert "no alert is firing" in chain.run("list")


def test_an_unacknowledged_alert_escalates_and_every_recipient_gets_its_end(chain, inbox):
    chain.queue = 20
    inbox.wait(lambda: inbox.alerts("/operations"))
    (step,) = inbox.wait(lambda: inbox.whole_alerts("/management"))[:1]
    assert step["labels"]["escalation"] == "management"
    assert step["annotations"]["summary"] == "Nobody has acknowledged for 15m: Orders wait."
    assert not [one for one in inbox.alerts("/operations") if "escalation" in one]
    assert chain.state() == "escalated to management"
    chain.run("ack", "ShopQueueLong", "--comment", "late, but here")
    chain.queue = 0
    inbox.wait(lambda: inbox.alerts("/operations", "resolved") and inbox.alerts("/management", "resolved"))


def test_a_flapping_value_is_sent_once(chain, inbox):
    chain.queue = 20
    inbox.wait(lambda: inbox.alerts("/operations"))
    for turn in range(8):
        chain.queue = 20 * (turn % 2)
        time.sleep(1)
    assert not inbox.alerts("/operations", "resolved")
    chain.queue = 0
    inbox.wait(lambda: inbox.alerts("/operations", "resolved"))
    time.sleep(OVER_SECONDS)
    assert [body["status"] for body in inbox.bodies("/operations")] == ["firing", "resolved"]


def test_a_silence_holds_for_the_alert_and_its_steps_until_it_is_ended(chain, inbox):
    chain.run("silence", "service=shop", "--for", "1h", "--comment", "maintenance")
    chain.queue = 20
    inbox.wait(chain.step_fires)
    time.sleep(OVER_SECONDS)
    assert not inbox.posts
    assert chain.state().startswith("silent: ")
    assert "maintenance" in chain.run("unsilence")
    assert "ended: service=shop" in chain.run("unsilence", "service=shop")
    inbox.wait(lambda: inbox.alerts("/operations") and inbox.alerts("/management"))


def test_a_test_message_uses_every_channel_and_a_dead_one_is_reported(chain, inbox):
    links = [
        "links in the message:",
        "  grafana: https://grafana.example",
        (
            "  alertmanager: http://127.0.0.1:9093, which only this machine reaches; "
            "set addresses: {alertmanager: https://alertmanager.example} in deckwatch.yaml"
        ),
        "  runbooks: https://wiki.example/runbooks",
    ]
    sent = ["operations: webhook sent", "management: webhook sent"]
    assert chain.run("notify-test").splitlines() == [*sent, *links]
    annotations = [alert["annotations"] for _, post in inbox.posts for alert in post["alerts"]]
    assert {texts["dashboard_url"] for texts in annotations} == {"https://grafana.example/"}
    assert {texts["runbook_url"] for texts in annotations} == {"https://wiki.example/runbooks/README.md"}
    for path in ("/operations", "/management"):
        assert {one["alertname"] for one in inbox.alerts(path)} == {"NotificationTest"}
    before = len(inbox.posts)
    assert chain.run("notify-test", "--channel", "management").splitlines() == ["management: webhook sent", *links]
    assert [path for path, _ in inbox.posts[before:] if path != "/management"] == []
    inbox.refuses = {"/operations", "/management"}
    output = chain.run("notify-test", "--channel", "webhook", "--timeout", "3", code=1)
    assert "operations: webhook failed: see Alertmanager's log" in output
