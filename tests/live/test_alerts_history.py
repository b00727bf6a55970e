"""`deckwatch alerts history` on a real Prometheus with a week of samples and a real Alertmanager with silences."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "alerts.md"
NOBODY = "http://127.0.0.1:1"
MARKUP = "<b>[red]&"
PROJECT = """\
teams:
  operations: {webhook: {url: "http://127.0.0.1:1/operations"}}
"""


def run(command: str, prometheus: str, *words: str, alertmanager: str = NOBODY, code: int = 0):
    argv = [DECKWATCH, "alerts", command, "--alertmanager", alertmanager, *words]
    argv += ["--prometheus", prometheus] if prometheus else []
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"COLUMNS": "80", "TZ": "UTC"})
    assert done.returncode == code, done.stderr
    return done


def history(prometheus: str, *words: str, **options) -> dict:
    return json.loads(run("history", prometheus, "--format", "json", *words, **options).stdout)


def test_the_week_has_three_firings_with_their_times(week):
    found = history(week.url, "--range", "7d")
    now = time.time()
    firings = {each["alert"]: each for each in found["firings"]}
    assert [each["alert"] for each in found["firings"]] == ["HostDiskFilling", "ApplicationDown", "ContainerNotRunning"]
    down = firings["ApplicationDown"]
    # An independent query: how many minutes have a sample that fires.
    [minutes] = week.query('count_over_time(ALERTS{alertname="ApplicationDown",alertstate="firing"}[7d])').values()
    assert down["seconds"] == minutes * 60 == week.outage[1] - week.outage[0] - 120
    assert down["end"] is not None
    # Nobody knows who silenced it: Alertmanager does not answer.
    assert {each["acknowledged"] for each in found["firings"]} == {"unknown"}
    filling = firings["HostDiskFilling"]
    assert filling["end"] is None
    assert abs(filling["seconds"] - (now - (week.end - 3 * 3600))) < 120
    assert [each["alert"] for each in history(week.url, "service=shop")["firings"]] == ["ApplicationDown"]
    # Without the gap of 40 minutes, and what the range has before the week; Prometheus looks back five minutes.
    assert 1 - 100 / 10080 <= found["covered"] <= 1 - 35 / 10080
    printed = run("history", week.url)
    assert "who acknowledged is unknown: http://127.0.0.1:1 does not answer" in printed.stderr
    assert "3 firings of 3 alerts" in printed.stdout
    assert max(map(len, printed.stdout.splitlines())) <= 80


def test_a_silence_while_an_alert_fires_is_its_acknowledgement(remembering, start_alertmanager, tmp_path):
    alertmanager = start_alertmanager(PROJECT)
    base = alertmanager.client.base
    run("silence", "", "HostHot", "--comment", "new fan", "--author", "ann", alertmanager=base)
    time.sleep(2)
    now = int(time.time())
    alerts = {
        "HostFull": {"severity": "critical", "owner": "operations", "instance": MARKUP},
        "HostBusy": {"severity": "warning", "owner": "operations", "instance": "web-2"},
        "HostHot": {"severity": "warning", "owner": "operations", "instance": "web-3"},
    }
    begun = {"HostFull": now - 1200, "HostBusy": now - 600, "HostHot": now}
    samples = []
    for name, labels in alerts.items():
        text = ",".join(f'{label}="{value}"' for label, value in {"alertname": name, **labels}.items())
        # Until an hour from now, so that it fires while the test runs.
        points = [(at, 1.0) for at in (begun[name] + 15 * step for step in range(400))]
        samples.append((f'ALERTS{{{text},alertstate="firing"}}', points))
    prometheus = remembering(samples, "global: {external_labels: {cluster: berlin}}\n").url
    alertmanager.fire(*({"alertname": name, "cluster": "berlin", **labels} for name, labels in alerts.items()))
    run("ack", "", "HostFull", "cluster=berlin", "--comment", "mine", "--author", "bob", alertmanager=base)
    found = {each["alert"]: each for each in history(prometheus, "--range", "1h", alertmanager=base)["firings"]}
    assert {name: (each["acknowledged"], each["acknowledged_by"]) for name, each in found.items()} == {
        "HostFull": ("yes", "bob"),
        "HostBusy": ("no", ""),
        "HostHot": ("in advance", "ann"),
    }
    assert found["HostFull"]["acknowledged_after_seconds"] == pytest.approx(1200, abs=30)
    # A silence that has ended is remembered.
    run("unsilence", "", "HostFull", "cluster=berlin", alertmanager=base)
    target = tmp_path / "alert_history.prom"
    printed = run("history", prometheus, "--range", "1h", "--metrics", str(target), alertmanager=base).stdout
    assert "<b>" in printed
    assert "acknowledged 1: median after 20m" in printed
    # The textfile collector reads what was written.
    (tmp_path / "deckwatch.yaml").write_text(f"watch: {{host: {{textfile: '{tmp_path}'}}}}\n")
    argv = [DECKWATCH, "scrape", "--collect", "host_textfile", "--project", tmp_path]
    page = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert 'alert_history_firings{owner="operations",severity="critical",acknowledged="yes"} 1.0' in page
    assert "node_textfile_scrape_error 0" in page
    assert list(tmp_path.glob(".*.new")) == []


def test_a_young_prometheus_says_how_much_it_knows(remembering):
    now = time.time() // 60 * 60
    prometheus = remembering([("up", [(now - 3600 + 60 * step, 1.0) for step in range(61)])]).url
    printed = run("history", prometheus, "--range", "2h")
    assert printed.stdout == "no alert fired in the last 2h\n"
    assert "of the last 2h; what fired otherwise is unknown" in printed.stderr
    assert 0.5 <= history(prometheus, "--range", "2h")["covered"] < 0.56


def test_an_alert_is_acknowledged_by_its_id(start_alertmanager, need):
    """By the requests of the guide as they are printed there, and by the command."""
    for program in ("curl", "jq"):
        need(program, get=f"apt-get install {program}")
    alertmanager = start_alertmanager(PROJECT)
    base = alertmanager.client.base
    alertmanager.fire({"alertname": "HostFull", "severity": "critical", "instance": MARKUP}, {"alertname": "HostBusy"})
    listed = json.loads(run("list", "", "--format", "json", alertmanager=base).stdout)
    ids = {each["alert"]: each["id"] for each in listed}
    section = GUIDE.read_text(encoding="utf-8").partition("### Acknowledge from a program\n")[2]
    script = section.partition("```sh\n")[2].partition("```")[0].replace("http://127.0.0.1:9093", base)

    def acknowledge(identity: str) -> subprocess.CompletedProcess:
        text = script.replace("id=0123456789abcdef", f"id={identity}")
        return subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)

    unknown = acknowledge("0123456789abcdef")
    assert unknown.returncode == 5
    assert "no firing alert has the id 0123456789abcdef" in unknown.stderr
    assert alertmanager.client.get("/api/v2/silences") == []
    known = acknowledge(ids["HostFull"])
    assert (known.returncode, known.stderr) == (0, "")
    run("ack", "", ids["HostBusy"], "--comment", "mine", "--author", "bob", alertmanager=base)
    states = {
        each["alert"]: each["state"]
        for each in json.loads(run("list", "", "--format", "json", alertmanager=base).stdout)
    }
    assert {name: state.partition(",")[0] for name, state in states.items()} == {
        "HostFull": "acknowledged: ann",
        "HostBusy": "acknowledged: bob",
    }
    # Each silence is of the steps of its alert alone.
    labels = {
        silence["createdBy"]: {each["name"] for each in silence["matchers"]}
        for silence in alertmanager.client.get("/api/v2/silences")
    }
    assert labels["ann"] == {"alertname", "severity", "instance", "escalation"}
    assert labels["bob"] == {"alertname", "escalation"}
