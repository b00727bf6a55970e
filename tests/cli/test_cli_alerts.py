"""`deckwatch alerts` with an Alertmanager that hangs, is another program or is too old; and hostile names."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deckwatch.alerting.alertmanager import Alertmanager, Matcher, acknowledgement_matchers, parse_time

DECKWATCH = Path(sys.executable).with_name("deckwatch")
STATUS = {"versionInfo": {"version": "0.27.0"}}
ALERT = {
    "fingerprint": "0123456789abcdef",
    "labels": {"alertname": "ContainerNotRunning", "severity": "critical", "name": "\x1b[2J[red]shop[/red]\n"},
    "annotations": {},
    "startsAt": "2026-11-21T19:00:00.123456789Z",
    "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
    "receivers": [{"name": "operations"}],
}


@pytest.fixture
def server():
    """Serve `answers` by path: (status, text), or no response for None."""
    answers = {}
    hang = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = answers.get(self.path, (404, "404 page not found"))
            if answer is None:
                hang.wait(20)
                return
            self.send_response(answer[0])
            self.end_headers()
            self.wfile.write(answer[1].encode())

        def log_message(self, *_):
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        answers["url"] = f"http://127.0.0.1:{listener.server_address[1]}"
        yield answers
        hang.set()
        listener.shutdown()


def list_alerts(server, *words):
    argv = [DECKWATCH, "alerts", "list", *words, "--alertmanager", server["url"], "--timeout", "0.5"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={"COLUMNS": "80"})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "does not answer: it timed out"),
        ((404, "404 page not found"), "answers, but is no Alertmanager"),
        ((200, "<html>"), "answers, but is no Alertmanager"),
        ((200, '{"status": "success"}'), "answers, but is no Alertmanager"),
        ((503, "overloaded"), "says 503: overloaded"),
        ((200, '{"versionInfo": {"version": "0.21.0"}}'), "is Alertmanager 0.21.0; 0.25 or newer is needed"),
    ],
)
def test_a_fault_of_alertmanager_is_reported_in_one_sentence(server, answer, message):
    server["/api/v2/status"] = answer
    completed = list_alerts(server)
    assert completed.returncode == 1
    assert completed.stderr == f"deckwatch: {server['url']} {message}\n"


def test_a_container_name_cannot_control_the_terminal(server):
    server |= {
        "/api/v2/status": (200, json.dumps(STATUS)),
        "/api/v2/alerts": (200, json.dumps([ALERT])),
        "/api/v2/silences": (200, "[]"),
    }
    completed = list_alerts(server)
    assert completed.returncode == 0, completed.stderr
    assert "\x1b" not in completed.stdout
    assert "[red]" in completed.stdout
    assert max(map(len, completed.stdout.splitlines())) <= 80
    (row,) = json.loads(list_alerts(server, "--format", "json").stdout)
    assert row["receivers"] == ["operations"]


def test_an_acknowledgement_excludes_steps_already_taken(server):
    step = {**ALERT, "labels": {**ALERT["labels"], "escalation": "management", "escalation_step": "1"}}
    server |= {
        "/api/v2/status": (200, json.dumps(STATUS)),
        "/api/v2/alerts": (200, json.dumps([ALERT, step])),
    }
    chosen = [Matcher("alertname", "ContainerNotRunning")]
    with Alertmanager(server["url"]) as manager:
        firing = manager.list_alerts()
    matchers = acknowledgement_matchers(chosen, firing)
    later = {**step["labels"], "escalation_step": "2"}
    results = [
        all(matcher.matches_labels(labels) for matcher in matchers)
        for labels in (ALERT["labels"], step["labels"], later)
    ]
    assert results == [False, False, True]


@pytest.mark.parametrize("words", [["severity!="], ["severity!=info", "name!~x.*"], ["name=~.+"]])
def test_a_silence_of_almost_all_alerts_asks_first(server, words):
    server |= {
        "/api/v2/status": (200, json.dumps(STATUS)),
        "/api/v2/alerts": (200, json.dumps([ALERT])),
    }
    argv = [DECKWATCH, "alerts", "silence", *words, "--comment", "x", "--alertmanager", server["url"]]
    completed = subprocess.run(argv, capture_output=True, text=True, check=False, input="n\n")
    assert completed.returncode == 130
    assert "this silences almost all alerts: " in completed.stderr
    assert "501" not in completed.stderr
    confirmed = subprocess.run([*argv, "--yes"], capture_output=True, text=True, check=False)
    assert "Silence them?" not in confirmed.stderr
    assert "501" in confirmed.stderr  # the server accepts no silences: it was asked to create one


@pytest.mark.parametrize(
    "text", ["2026-11-21T19:00:00Z", "2026-11-21T19:00:00.1Z", "2026-11-21T20:00:00.123456789+01:00"]
)
def test_times_have_any_number_of_digits(text):
    assert parse_time(text) == parse_time("2026-11-21T19:00:00+00:00")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["ContainerNotRuning"],
            "no firing alert matches alertname=ContainerNotRuning (did you mean ContainerNotRunning?)",
        ),
        (
            ["ContainerNotRunning", "instance=web-9"],
            "no firing alert matches alertname=ContainerNotRunning instance=web-9 (it is firing with other labels)",
        ),
    ],
)
def test_only_firing_alerts_can_be_acknowledged(server, words, message):
    server |= {"/api/v2/status": (200, json.dumps(STATUS)), "/api/v2/alerts": (200, json.dumps([ALERT]))}
    argv = [DECKWATCH, "alerts", "ack", *words, "--comment", "x", "--alertmanager", server["url"]]
    completed = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stderr) == (1, f"deckwatch: {message}\n")


def test_an_unknown_id_is_not_acknowledged(server):
    server |= {"/api/v2/status": (200, json.dumps(STATUS)), "/api/v2/alerts": (200, json.dumps([ALERT]))}
    argv = [DECKWATCH, "alerts", "ack", "0123456789abcdee", "--comment", "x", "--alertmanager", server["url"]]
    completed = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert completed.returncode == 1
    assert completed.stderr.startswith("deckwatch: no firing alert has the id 0123456789abcdee (`")
    assert "alerts list --format json` lists them)" in completed.stderr
