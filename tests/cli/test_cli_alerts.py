"""`deckwatch alerts` where the Alertmanager hangs, is none, or is too old: one sentence each; and hostile names."""

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
    "labels": {"alertname": "ContainerNotRunning", "severity": "critical", "name": "\x1b[2J[red]shop[/red]\n"},
    "annotations": {},
    "startsAt": "2026-11-21T19:00:00.123456789Z",
    "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
    "receivers": [{"name": "operations"}],
}


@pytest.fixture
def server():
    """Answer as `answers` says by path: (status, text), or nothing at all where that is None."""
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
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        answers["url"] = f"http://127.0.0.1:{found.server_address[1]}"
        yield answers
        hang.set()
        found.shutdown()


def listed(server, *words):
    argv = [DECKWATCH, "alerts", "list", *words, "--alertmanager", server["url"], "--timeout", "0.5"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={"COLUMNS": "80"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "does not answer: it timed out"),
        ((404, "404 page not found"), "answers, but is no Alertmanager"),
        ((200, "<html>"), "answers, but is no Alertmanager"),
        ((200, '{"status": "success"}'), "answers, but is no Alertmanager"),
        ((503, "overloaded"), "says 503: overloaded"),
        ((200, '{"versionInfo": {"version": "0.21.0"}}'), "is Alertmanager 0.21.0; 0.25 or newer is needed"),
    ],
)
def test_what_is_wrong_with_an_alertmanager_is_one_sentence(server, answer, said):
    server["/api/v2/status"] = answer
    done = listed(server)
    assert done.returncode == 1
    assert done.stderr == f"deckwatch: {server['url']} {said}\n"


def test_a_name_of_a_container_does_nothing_to_the_terminal(server):
    server |= {
        "/api/v2/status": (200, json.dumps(STATUS)),
        "/api/v2/alerts": (200, json.dumps([ALERT])),
        "/api/v2/silences": (200, "[]"),
    }
    done = listed(server)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[red]" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    (row,) = json.loads(listed(server, "--json").stdout)
    assert row["receivers"] == ["operations"]


def test_an_acknowledgement_leaves_out_the_steps_that_were_taken(server):
    step = {**ALERT, "labels": {**ALERT["labels"], "escalation": "management", "escalation_step": "1"}}
    server |= {
        "/api/v2/status": (200, json.dumps(STATUS)),
        "/api/v2/alerts": (200, json.dumps([ALERT, step])),
    }
    chosen = [Matcher("alertname", "ContainerNotRunning")]
    with Alertmanager(server["url"]) as manager:
        firing = manager.list_alerts()
    made = acknowledgement_matchers(chosen, firing)
    later = {**step["labels"], "escalation_step": "2"}
    assert [all(one.matches_labels(labels) for one in made) for labels in (ALERT["labels"], step["labels"], later)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "text", ["2026-11-21T19:00:00Z", "2026-11-21T19:00:00.1Z", "2026-11-21T20:00:00.123456789+01:00"]
)
def test_times_have_any_number_of_digits(text):
    assert parse_time(text) == parse_time("2026-11-21T19:00:00+00:00")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["ContainerNotRuning"],
            "nothing that fires is alertname=ContainerNotRuning (did you mean ContainerNotRunning?)",
        ),
        (
            ["ContainerNotRunning", "instance=web-9"],
            "nothing that fires is alertname=ContainerNotRunning instance=web-9 (it fires elsewhere)",
        ),
    ],
)
def test_what_does_not_fire_cannot_be_acknowledged(server, words, said):
    server |= {"/api/v2/status": (200, json.dumps(STATUS)), "/api/v2/alerts": (200, json.dumps([ALERT]))}
    argv = [DECKWATCH, "alerts", "ack", *words, "--comment", "x", "--alertmanager", server["url"]]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"deckwatch: {said}\n")
