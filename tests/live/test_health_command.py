"""`deckwatch health` and `/api/health` on a real Prometheus: well, ill, silent, slow, absent, and with odd samples."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
NO_ENGINE = "unix:///nowhere/docker.sock"
NOBODY = "http://127.0.0.1:1"
WATCHDOG = 'ALERTS{alertname="Watchdog",alertstate="firing",severity="info",topic="deckwatch"}'


def samples_of(*series: tuple[str, float], age: float = 0) -> list:
    """Return series with a value each in the last half hour, or only up to `age` seconds ago."""
    end = time.time() // 15 * 15 - age
    return [(name, [(end - 1800 + second, value) for second in range(0, 1801, 15)]) for name, value in series]


def ill() -> list:
    return samples_of(
        ('component:health:score{component="shop"}', 20),
        ('component:health:state{component="shop"}', 0),
        ('component:health:because{component="shop",because="payments"}', 55),
        ('component:health:score{component="payments"}', 55),
        ('component:health:state{component="payments"}', 1),
        ('component:health:state{component="archive"}', -1),
        ("health:overall:state", 0),
        ('ALERTS{alertname="ApplicationDown",alertstate="firing",severity="critical",service="shop"}', 1),
        ('ALERTS{alertname="HostBusy",alertstate="firing",severity="warning",instance="<b>\\n&"}', 1),
        ('ALERTS{alertname="HostFull",alertstate="pending",severity="critical",instance="web-1"}', 1),
        ('ALERTS{alertname="ApplicationDown",alertstate="firing",severity="critical",escalation="boss"}', 1),
        (WATCHDOG, 1),
    )


def run_health(url: str, *words: str, code: int) -> str:
    argv = [DECKWATCH, "health", "--prometheus", url, *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_what_is_wrong_and_why(remembering):
    url = remembering(ill()).url
    assert run_health(url, code=2).splitlines() == [
        "critical: payments is degraded; archive is unknown; shop is critical; HostBusy fires",
        "",
        "shop       20  critical  because of payments; ApplicationDown fires (critical)",
        "payments   55  degraded",
        "archive     -  unknown   no data for five minutes",
        "",
        "warning   HostBusy  instance=<b>\N{REPLACEMENT CHARACTER}&",
    ]
    assert run_health(url, "payments", code=1).startswith("degraded")
    assert "did you mean shop?" in run_health(url, "shopp", code=3)
    report = json.loads(run_health(url, "--format", "json", code=2))
    assert [(each["name"], each["state"], each["score"]) for each in report["components"]] == [
        ("shop", "critical", 20),
        ("payments", "degraded", 55),
        ("archive", "unknown", None),
    ]
    assert report["components"][0]["causes"] == ["payments"]
    assert [each["labels"] for each in report["alerts"]] == [{"instance": "<b>\n&"}]


def test_a_system_without_components_is_healthy_if_alerts_are_evaluated(remembering):
    assert run_health(remembering(samples_of((WATCHDOG, 1))).url, code=0) == "healthy\n"
    # No rule is loaded; rules were evaluated until ten minutes ago; the clock was ten minutes ahead.
    assert "evaluates no rules" in run_health(remembering(samples_of(("up", 1))).url, code=3)
    assert "evaluates no rules" in run_health(remembering(samples_of((WATCHDOG, 1), age=600)).url, code=3)
    ahead = [
        (name, [(at, value) for at, value in points if at > time.time() + 300])
        for name, points in samples_of((WATCHDOG, 1), age=-2400)
    ]
    assert "evaluates no rules" in run_health(remembering(ahead).url, code=3)


@pytest.mark.parametrize(
    ("file", "words", "message"),
    [
        ("", ["--timeout", "soon"], "--timeout"),
        ("addresses: {prometheus: nowhere}\n", [], "nowhere is not an address such as http://127.0.0.1:9090"),
        ("addresses: {prometheus: 'http://ann:secret@h:1x'}\n", [], "h:** is not an address"),
        ("addresses: {\n", [], "deckwatch.yaml:1:12"),
    ],
)
def test_mistakes_are_an_unknown_state(file, words, message, tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(file)
    done = subprocess.run([DECKWATCH, "health", *words], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 3
    printed = done.stdout + done.stderr
    assert message in printed
    assert "secret" not in printed
    assert "Traceback" not in printed


def test_a_prometheus_that_is_absent_or_slow_is_unknown(remembering):
    assert run_health(NOBODY, code=3) == f"unknown: {NOBODY} does not answer: connection refused\n"
    assert json.loads(run_health(NOBODY, "shop", "--format", "json", code=3))["state"] == "unknown"
    prometheus = remembering(ill())
    with stopped(prometheus):
        started = time.monotonic()
        assert "it timed out" in run_health(prometheus.url, "--timeout", "0.5", code=3)
        assert time.monotonic() - started < 3


@contextlib.contextmanager
def stopped(prometheus):
    """Stop the process, so that it accepts connections and never answers."""
    [pid] = [prometheus.program.process.pid]
    while child := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(child[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_it_imports_no_library_that_makes_it_slow(remembering, tmp_path):
    url = remembering(ill()).url
    (tmp_path / "deckwatch.yaml").write_text(f"addresses: {{prometheus: '{url}'}}\n")
    command = [sys.executable, "-X", "importtime", DECKWATCH, "health"]
    imported = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True).stderr
    names = {line.rpartition("|")[2].strip() for line in imported.splitlines()}
    assert "deckwatch.cli.main" in names
    assert not names & {"requests", "jsonschema_rs", "rjsonnet", "docker", "psycopg", "prometheus_client", "psutil"}


def get(address: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_exporter_answers_the_same(remembering, serving):
    prometheus = remembering(ill())
    exporter = serving(NO_ENGINE, project=f"addresses: {{prometheus: '{prometheus.url}'}}\n")
    address = f"{exporter.address}/api/health"
    status, report = get(address)
    assert status == 503
    assert report == json.loads(run_health(prometheus.url, "--format", "json", code=2))
    assert get(f"{address}?name=payments")[0] == 200
    assert get(f"{address}?name=archive")[0] == 503
    assert get(f"{address}?name=nobody")[0] == 404

    def count_queries() -> float:
        page = urllib.request.urlopen(f"{prometheus.url}/metrics").read().decode()
        name = 'prometheus_http_requests_total{code="200",handler="/api/v1/query"}'
        return float(next(line.split()[1] for line in page.splitlines() if line.startswith(name)))

    before, started = count_queries(), time.monotonic()
    with ThreadPoolExecutor(16) as threads:
        assert {status for status, _ in threads.map(get, [address] * 200)} == {503}
    assert count_queries() - before <= 2 + time.monotonic() - started


def test_a_slow_prometheus_holds_neither_the_answer_nor_a_thread(remembering, serving):
    prometheus = remembering(ill())
    exporter = serving(NO_ENGINE, project=f"addresses: {{prometheus: '{prometheus.url}'}}\n")
    address = f"{exporter.address}/api/health"
    assert get(address)[0] == 503
    exporter.get("/healthz")
    threads = exporter.threads()
    with stopped(prometheus):
        for _ in range(3):
            time.sleep(1.1)
            started = time.monotonic()
            status, report = get(address)
            assert (status, report["state"]) == (503, "unknown")
            assert report["reason"].endswith("does not answer: it timed out")
            assert time.monotonic() - started < 3
        assert exporter.threads() <= threads + 1
    time.sleep(1.1)
    assert get(address)[1]["state"] == "critical"


def test_without_an_address_the_exporter_says_what_to_set(serving):
    with pytest.raises(urllib.error.HTTPError) as caught:
        serving(NO_ENGINE).get("/api/health")
    with caught.value as answer:
        assert (answer.code, b"addresses: {prometheus: URL}" in answer.read()) == (404, True)
